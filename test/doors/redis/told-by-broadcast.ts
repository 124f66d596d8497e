import { told } from './processes'

told.feed = 'broadcast'
