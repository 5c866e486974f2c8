/** How often a replica says at least that it is there, and reads what others say, in milliseconds. */
export const BEAT_MS = 2000;
/**
 * A replica that has said nothing for as long is taken for lost, in milliseconds. No watcher is renewed for longer than the
 * lease and this after others could hear of it.
 */
export const SILENCE_MS = 3 * BEAT_MS;
/** How long who was lost is shown after it is safe, in milliseconds. */
export const SHOWN_MS = 3000;
