/** The same tests, of processes that tell each other by broadcast. */
import './told-by-broadcast'
import './coherence.test'
