import { enter } from './state/session.js';
import { showTheme } from './state/theme.js';
import { html, render } from './vendor/preact.js';
import { Shell } from './views/shell.js';

showTheme();
render(html`<${Shell} />`, document.getElementById('app'));
void enter();
