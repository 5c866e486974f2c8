#!/usr/bin/env node
// Committed, so that npm links it at an install, when dist/ is not there yet.
import '../dist/main.js';
