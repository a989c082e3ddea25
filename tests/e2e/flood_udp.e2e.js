// Floods at the UDP port, from programs of their own (udp_spoofer.c), as fast as they go. A stranger's bytes bring forth a
// tenth of them at most, and nothing of him is kept; beside it two pairs of clients, ordered and
// unordered, stay up and hear each event (udp_server/README.md, "Adversaries").
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { bin, start, tell } = require('./harness');
const bystander = require('./bystander');
const { target } = require('./hostile');
const { seed } = require('./random');
const { UdpPeer } = require('./udp_peer');

const ATTACK_PER_S = 50000;
const RATIO_MAX = 0.1;
const DELAY_MS_MAX = 1000; // of one event in a hundred, while floods and these tests share the machine
const STRANGER_GROWTH_MAX = 4 << 20; // bytes: the bystanders' logs grow, too

let victim; // a live session whose tag the spoofer knows, and its cookie's key
let sessions = 0; // legitimate
let spoofed = 0; // datagrams

const peerOf = async (address) => { sessions++; return (await UdpPeer.create(address)).handshake(Buffer.from(`flood${sessions}`.padEnd(16))); };

const server = target('udp', ['--log-events', '2000', '--per-address', '40'], (address) => {
  sessions += 4;
  return bystander.each(address, [(to) => bystander.overUdp(to), (to) => bystander.overUdp(to, 'nack-unordered')]);
}, async (address) => {
  (await peerOf(address)).end();
  victim = victim || await peerOf(address);
});

const delays = () => server.pair.pairs.map((pair) => pair.delay());
const ms = (v) => `${v.toFixed(1)} ms`;
const inWords = ({ events, p50, p99, max }) => `${events} events, ${ms(p50)} p50, ${ms(p99)} p99, ${ms(max)} at most`;

async function run(program, args) {
  const child = start(path.join(fs.realpathSync(bin), '../tests', program), args);
  assert.strictEqual(await child.ended, 0);
  return JSON.parse(child.seen[0]);
}

// Runs the spoofer beside the bystanders.
async function spoof(address, way, rate, ...more) {
  const { tag, epoch, pktno, channel, key, minute } = victim;
  const before = server.resident();
  await server.pair.settle();
  delays();
  const did = await run('udp_spoofer', [address, way, seed, rate, tag, pktno, epoch, channel, key, minute, ...more].map(String));
  await server.pair.settle();
  await victim.still('PONG for whom they pretended to be');
  spoofed += did.sent;
  did.delays = delays();
  console.log(`# ${did.sent} datagrams in ${did.ms} ms, ${Math.round(did.sent / did.ms * 1000)} a second; ${(did.back_bytes / did.bytes).toFixed(5)} bytes out per byte in`);
  for (const delay of did.delays) console.log(`# beside it: ${inWords(delay)}`);
  assert.ok(server.resident() - before <= STRANGER_GROWTH_MAX, `grew by ${server.resident() - before} bytes`);
  assert.ok(did.back_bytes <= RATIO_MAX * did.bytes, `${did.back_bytes} bytes for ${did.bytes}`);
  return did;
}

server.hostile('every type at every length from 0 to 1,500, each with some lie: a tenth out per byte in for each type', async (address) => {
  const did = await spoof(address, 'sweep', 100000);
  assert.strictEqual(did.sent, 256 * 1501);
  did.types.forEach(([sent, back], type) => assert.ok(sent > 1e6 && back <= RATIO_MAX * sent, `type ${type}: ${back} bytes for ${sent}`));
  assert.ok(did.types[1][1] > 0, 'whole HELLOs are answered');
});

for (const lie of ['any', 'cookie']) {
  server.hostile(`${ATTACK_PER_S} datagrams a second, ${lie}: sessions hear everything, soon`, async (address) => {
    const did = await spoof(address, 'flood', ATTACK_PER_S, lie, 2);
    assert.ok(did.sent > 0.8 * 2 * ATTACK_PER_S, `only ${did.sent} sent`);
    for (const { events, p99 } of did.delays) assert.ok(events > 100 && p99 < DELAY_MS_MAX, `${events} events, p99 ${p99} ms`);
  });
}

server.hostile('as many as the machine sends: sessions stay, and hear everything', async (address) => {
  await spoof(address, 'flood', 0, 'any', 2);
});

server.end(['rejected: not ours', 'rejected: another version', 'rejected: lengths do not add up', 'rejected: padding that is not zeros',
  'rejected: message malformed', 'rejected: broadcast message from a client', 'rejected: no such session', 'rejected: old, and from another address',
  'rejected: HELLO of less than 1,200 bytes', 'rejected: HELLO over the rate', 'rejected: CONNECT without a valid cookie', 'RESET not sent: over the rate'],
(counted) => {
  const of = (words) => counted.get(words) || 0;
  const dropped = of('datagrams that the receive buffer had no place for');
  console.log(`# ${spoofed} spoofed, ${dropped} of all found the receive buffer full`);
  assert.ok(of('datagrams received') + dropped >= spoofed);
  const answered = of('COOKIE answers') + [...counted].reduce((sum, [words, n]) => sum + (/^(rejected|not asked|times that a client was asked)/.test(words) ? n : 0), 0);
  assert.ok(answered + dropped >= spoofed, `${answered} have a reason, ${dropped} were dropped, of ${spoofed}`);
  assert.strictEqual(of('sessions begun'), sessions);
});
tell();
