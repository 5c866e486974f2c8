import { StoreUnavailable } from '../store.js';

/** The path no longer leads to the file that is open. Whoever opens it again gets what is there now. */
export class FileReplaced extends StoreUnavailable {}
