// harness: what the end-to-end tests share: start a program, wait for its ready lines, say how a
// story went in the lines that tests/run counts, and leave no process behind.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');

const bin = process.env.TWINCAST_BIN || path.join(__dirname, '../../bin');
const running = new Set();

// For how long what must come is waited for. It keeps a test from hanging and says nothing about speed: the machine may
// be many times slower than ours, and busy besides. What has a time of its own is held against that where it is told.
const PATIENCE_MS = 30000;

process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

// Starts bin/NAME, or a NAME with its path; until(test) resolves with what the test makes of the lines of its
// standard output.
function start(name, args, stderr = 'inherit') {
  const child = spawn(name.includes('/') ? name : path.join(bin, name), args, { stdio: ['pipe', 'pipe', stderr] });
  running.add(child);
  child.stdin.on('error', () => {}); // who has ended before it was spoken to is told of by `ended`
  const seen = [];
  const waiting = [];
  readline.createInterface({ input: child.stdout }).on('line', (line) => {
    seen.push(line);
    waiting.splice(0).forEach((wake) => wake());
  });
  child.ended = new Promise((resolve) => child.on('exit', (code, signal) => {
    running.delete(child);
    resolve(signal || code);
  }));
  child.seen = seen;
  child.until = (wanted, what) => within(what || 'a line', (resolve) => {
    const look = () => {
      const found = wanted(seen);
      if (found) resolve(found);
      else waiting.push(look);
    };
    look();
  });
  return child;
}

// Starts a server and resolves with { child, tcp, udp }: the addresses of its ready lines.
async function serve(name, args, paths, stderr) {
  const child = start(name, args, stderr);
  const ports = {};
  await child.until((lines) => {
    for (const line of lines) {
      const at = /^listening (tcp|udp) (.*)$/.exec(line);
      if (at) ports[at[1]] = at[2];
    }
    return paths.every((p) => ports[p]);
  }, 'the ready lines');
  return { child, ...ports };
}

// A promise that fails by name instead of hanging. what: words, or what makes them when it has failed.
function within(what, body) {
  return new Promise((resolve, reject) => {
    const fail = () => reject(new Error(`no ${typeof what === 'function' ? what() : what} within ${PATIENCE_MS} ms`));
    const timer = setTimeout(fail, PATIENCE_MS);
    body((value) => { clearTimeout(timer); resolve(value); }, reject);
  });
}

// For what tells nobody that it has come.
const until = (what, test) => within(what, (resolve) => {
  const look = () => (test() ? resolve() : setTimeout(look, 10));
  look();
});

// For how long, in ms, a process has stood ready while the machine did other things; 0 where the kernel keeps no such book.
function stoodReady(pid) {
  try {
    return Number(fs.readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}

// Begins to time a span. Its end, called, gives { ms, busy }: how long it was, and for how much of it this process and
// those of `pids` were kept waiting by the machine. Nobody is late by that.
function timed(...pids) {
  const stood = () => ['self', ...pids].reduce((sum, pid) => sum + stoodReady(pid), 0);
  const [begun, before] = [performance.now(), stood()];
  return () => ({ ms: Math.round(performance.now() - begun), busy: Math.round(stood() - before) });
}

const stories = [];
const story = (name, run) => stories.push({ name, run });

async function tell() {
  let failed = 0;
  for (const { name, run } of stories) {
    try {
      await run();
      console.log(`[       OK ] ${name}`);
    } catch (error) {
      failed++;
      console.log(`[  FAILED  ] ${name}`);
      console.log(error.stack);
    }
  }
  for (const child of running) child.kill('SIGTERM');
  await Promise.all([...running].map((child) => child.ended));
  process.exit(failed ? 1 : 0);
}

module.exports = { bin, start, serve, within, until, timed, story, tell };
