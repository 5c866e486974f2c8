import { createObservable } from './observable.js';

const KEY = 'policystore.theme';

/** `auto` follows the system. */
export const THEMES = ['auto', 'light', 'dark'];

export const theme = createObservable(localStorage.getItem(KEY) ?? 'auto');

export function chooseTheme(name) {
  localStorage.setItem(KEY, name);
  show(name);
  theme.set(name);
}

/** Before the first drawing, so that nothing flashes. */
export function showTheme() {
  show(theme.get());
}

function show(name) {
  if (name === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
}
