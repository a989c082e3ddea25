// hostile: the frame of a test with bad input on one port. Beside every story runs a legitimate pair on
// the same server whose events must all arrive, in order; afterwards the server must take newcomers and
// must have grown by little. What is random comes from SEED (1), which is printed.
'use strict';
process.env.ASAN_OPTIONS = `${process.env.ASAN_OPTIONS || ''}:quarantine_size_mb=4`;
const assert = require('node:assert');
const fs = require('node:fs');
const { serve, story } = require('./harness');
const { seed, random } = require('./random');

const GROWTH_MAX = 16 << 20; // bytes of resident memory, for one story; about a log of 2,000 events of 1 kB and its streams

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const residentOf = (child) => Number(fs.readFileSync(`/proc/${child.pid}/statm`, 'utf8').split(' ')[1]) * 4096;

// One server under attack. path: 'tcp' or 'udp'; pair: starts the bystanders; welcome: lets a newcomer
// in and out.
function target(path, args, pair, welcome) {
  const server = { grown: 0 };
  const resident = server.resident = () => residentOf(server.child);

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
  // check: looks at all that it counted
  server.end = (reasons, check = () => {}) => story('the server ends with 0 when asked, its bystanders unharmed, and each reason was counted', async () => {
    const heard = await server.pair.settle();
    console.log(`# the bystander heard ${heard} events, each once and in order; the most that a story took was ${server.grown >> 10} KiB`);
    await server.pair.end();
    server.child.kill('SIGTERM');
    assert.strictEqual(await server.child.ended, 0);
    const counted = new Map([...server.said.matchAll(/^\w+: counted (\d+) (.*)$/gm)].map(([, n, words]) => [words, Number(n)]));
    for (const words of reasons) assert.ok(counted.get(words) > 0, `not counted: ${words}\n${server.said}`);
    check(counted);
  });
  return server;
}

function matches(actual, expected) {
  if (expected instanceof RegExp) assert.match(actual, expected);
  else assert.strictEqual(actual, expected);
}

module.exports = { GROWTH_MAX, residentOf, target, matches, sleep };
