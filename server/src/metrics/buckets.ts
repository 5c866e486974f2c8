/** Upper bounds in seconds: from what a call takes in memory to what a caller gives up after. */
export const SECONDS = [
  0.000_01, 0.000_025, 0.000_1, 0.000_25, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
  10,
];

/** Upper bounds in changes; a batch holds at most 256. */
export const CHANGES = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256];
