// tshark: what Wireshark makes of a capture with our dissector, or the reason why there is none here.
'use strict';
const { spawnSync } = require('node:child_process');
const path = require('node:path');

const PROGRAM = '/usr/bin/tshark';
const SCRIPT = path.join(__dirname, '../../lab/dissector/twincast.lua');

function why() {
  return spawnSync(PROGRAM, ['--version']).status === 0 ? null : `there is no ${PROGRAM}; \`make deps\` installs it`;
}

// What it prints. Whatever it says of Lua is an error of ours.
function run(args) {
  const ran = spawnSync(PROGRAM, args, { encoding: 'utf8', maxBuffer: 1 << 30, timeout: 300000, killSignal: 'SIGKILL', env: { ...process.env, HOME: '/nonexistent' } });
  if (ran.status !== 0) throw new Error(`tshark ${args.join(' ')}: exit ${ran.status} ${ran.signal || ''}\n${ran.stderr}`);
  if (/lua/i.test(ran.stderr)) throw new Error(ran.stderr);
  return ran.stdout;
}

// Both passes over a capture, so that links ahead are known.
function read(file, args) {
  return run(['-2', '-n', '-X', `lua_script:${SCRIPT}`, '-r', file, ...args]);
}

const ENTITIES = { quot: '"', amp: '&', lt: '<', gt: '>', apos: "'" };
const plain = (text) => text.replace(/&(#x?[0-9a-f]+|\w+);/gi, (all, name) => ENTITIES[name]
  || String.fromCodePoint(name[1] === 'x' ? parseInt(name.slice(2), 16) : Number(name.slice(1))));

// A capture as frames, from 1: each the list of its messages, { name, text, pos, size, all }. `all` is every field
// below the message, { name, show, pos, size }; of(NAME) gives their values.
function messages(file, args = []) {
  const frames = [[]];
  let frame, message, ours = false, depth = 0, messageDepth = 0;
  for (const [, closes, tag, attributes, single] of read(file, ['-T', 'pdml', '-J', 'twincast', ...args]).matchAll(/<(\/?)(packet|proto|field)\b([^>]*?)(\/?)>/g)) {
    if (tag === 'packet') {
      if (!closes) frames.push(frame = []);
      continue;
    }
    if (closes) {
      if (--depth < messageDepth) message = null;
      continue;
    }
    const a = Object.fromEntries([...attributes.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, plain(value)]));
    const field = { name: (a.name || '').replace(/^twincast\./, ''), show: a.show, text: a.showname || a.show, pos: Number(a.pos) - 28, size: Number(a.size) };
    if (message) {
      message.all.push({ ...field, leaf: Boolean(single) });
    } else if (tag === 'proto') {
      ours = a.name === 'twincast';
    } else if (ours && !single && depth === 1) {
      message = { ...field, all: [], of(name) { return this.all.filter((x) => x.name === name).map((x) => x.show); } };
      messageDepth = depth + 1;
      frame.push(message);
    }
    if (!single) depth++;
  }
  return frames;
}

module.exports = { why, run, read, messages, SCRIPT };
