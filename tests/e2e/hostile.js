// hostile: the frame of a test with bad input on one port. Beside every story runs a legitimate pair on
// the same server whose events must all arrive, in order; afterwards the server must take newcomers and
// must have grown by little. What is random comes from SEED (1), which is printed.
'use strict';
process.env.ASAN_OPTIONS = `${process.env.ASAN_OPTIONS || ''}:quarantine_size_mb=4`;
const assert = require('node:assert');
const fs = require('node:fs');
const { serve, story } = require('./harness');

const GROWTH_MAX = 16 << 20; // bytes of resident memory, for one story; about a log of 2,000 events of 1 kB and its streams
const seed = Number(process.env.SEED || 1);

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// A small seeded generator (mulberry32): each story has its own, so that it can be told alone.
function random(name) {
  let state = [...name].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 0x01000193), seed ^ 0x811c9dc5);
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
  const below = (n) => next() % n;
  return { below, bytes: (n) => Buffer.from(Array.from({ length: n }, () => below(256))), pick: (list) => list[below(list.length)] };
}

// One server under attack. path: 'tcp' or 'udp'; pair: starts the bystanders; welcome: lets a newcomer
// in and out.
function target(path, args, pair, welcome) {
  const server = { grown: 0 };
  const resident = () => Number(fs.readFileSync(`/proc/${server.child.pid}/statm`, 'utf8').split(' ')[1]) * 4096;

  story(`the ${path} server stands, with a pair of bystanders; seed ${seed}`, async () => {
    Object.assign(server, await serve(`${path}_server`, ['--listen', '127.0.0.1:0', '--verbose', ...args], [path], 'pipe'));
    server.child.stderr.on('data', (data) => { server.said = (server.said || '') + data; });
    server.address = server[path];
    server.pair = await pair(server.address);
    await welcome(server.address);
  });

  server.hostile = (name, run) => story(name, async () => {
    await server.pair.settle();
    const before = resident();
    await run(server.address, random(name));
    await welcome(server.address);
    await server.pair.settle();
    const grown = resident() - before;
    server.grown = Math.max(server.grown, grown);
    assert.ok(grown <= GROWTH_MAX, `the server grew by ${grown >> 10} KiB`);
    assert.strictEqual(server.child.exitCode, null);
  });

  // reasons: words that must be among what the server counted
  server.end = (reasons) => story('the server ends with 0 when asked, its bystanders unharmed, and each reason was counted', async () => {
    const heard = await server.pair.settle();
    console.log(`# the bystander heard ${heard} events, each once and in order; the most that a story took was ${server.grown >> 10} KiB`);
    await server.pair.end();
    server.child.kill('SIGTERM');
    assert.strictEqual(await server.child.ended, 0);
    const counted = new Map([...server.said.matchAll(/^\w+: counted (\d+) (.*)$/gm)].map(([, n, words]) => [words, Number(n)]));
    for (const words of reasons) assert.ok(counted.get(words) > 0, `not counted: ${words}\n${server.said}`);
  });
  return server;
}

function matches(actual, expected) {
  if (expected instanceof RegExp) assert.match(actual, expected);
  else assert.strictEqual(actual, expected);
}

module.exports = { target, matches, sleep };
