// browser: Debian's chromium through playwright-core, or the reason why there is none here.
'use strict';
const fs = require('node:fs');

const PROGRAM = '/usr/bin/chromium';
const NODE_MIN = 18; // Debian 12's, and playwright-core's own wish
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

function why() {
  if (Number(process.versions.node.split('.')[0]) < NODE_MIN) return `node ${process.versions.node} is older than ${NODE_MIN}`;
  return fs.existsSync(PROGRAM) ? null : `there is no ${PROGRAM}; \`make deps\` installs it`;
}

// With a new and empty profile, which goes with it.
function launch() {
  return require('playwright-core').chromium.launch({ executablePath: PROGRAM, args: FLAGS });
}

module.exports = { why, launch };
