export { ConfigurationError, formatPlace, type Place } from './errors.ts';
