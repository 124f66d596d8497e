import { work } from './second-process'
import { Visitors } from './visitors'

work((database) => new Visitors(database))
