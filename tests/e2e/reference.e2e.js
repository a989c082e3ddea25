// tcp_server beside the reference: the same raw bytes are said to both, and what they answer is compared. Each row of
// reference_rows.js says that both answer the same, and what; or that they differ, how and why. A row that says the
// one and sees the other fails, so that the list of deliberate differences (tcp_server/README.md) is neither too short
// nor too long. SHOW=1 prints what each row saw.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { serve, start, story, tell } = require('./harness');
const { Player } = require('./both');
const rows = require('./reference_rows');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'twincast-'));
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));

const AT_ONCE = 12; // rows; each has connections of its own

// A pair of servers for each way that they can be set up: heartbeats and limits as the protocols' suites have them, or
// with time enough for anything; with the msgpack parser, which ours needs not be told; with CORS.
const WAYS = {
  patient: { spans: [25000, 20000], payload: 100000, connect: 45000 },
  brisk: { spans: [300, 200], payload: 1000000, connect: 45000 },
  hasty: { spans: [25000, 20000], payload: 100000, connect: 150 },
  msgpack: { spans: [25000, 20000], payload: 100000, connect: 45000, parser: 'msgpack' },
  any: { spans: [25000, 20000], payload: 100000, connect: 45000, cors: '*' },
  deflate: { spans: [25000, 20000], payload: 100000, connect: 45000, deflate: 'on' },
  token: { spans: [25000, 20000], payload: 100000, connect: 45000, token: 'sesame' },
  one: { spans: [25000, 20000], payload: 100000, connect: 45000, cors: 'http://page.example' },
  listed: { spans: [25000, 20000], payload: 100000, connect: 45000, origins: ['http://page.example', 'http://app.example'] },
};
const servers = {};
const processes = []; // ours

function fileOf(name, text) {
  fs.writeFileSync(path.join(folder, name), text);
  return path.join(folder, name);
}

// Ours, a process for each way.
async function begin({ spans, payload, connect, cors, origins = [], token, deflate }) {
  const more = { '--cors': cors, '--auth-token-file': token && fileOf('token', token), '--deflate': deflate };
  const server = await serve('tcp_server', ['--listen', '127.0.0.1:0', '--app', 'echo', '--ping-interval', `${spans[0]}ms`, '--ping-timeout', `${spans[1]}ms`,
    '--max-payload', `${payload}b`, '--connect-timeout', `${connect}ms`, ...Object.entries(more).filter(([, value]) => value).flat(), ...origins.flatMap((origin) => ['--origin', origin])], ['tcp']);
  processes.push(server.child);
  return [server.tcp, server.child.pid];
}

async function beginAll() {
  const names = Object.keys(WAYS);
  const reference = start(process.execPath, [path.join(__dirname, 'reference.js'), JSON.stringify(Object.values(WAYS))]);
  const ours = await Promise.all(Object.values(WAYS).map(begin));
  await reference.until((lines) => lines.length === names.length, 'the reference');
  const theirs = reference.seen.map((line) => [line.replace('listening tcp ', ''), reference.pid]);
  names.forEach((name, i) => { servers[name] = { ours: ours[i], theirs: theirs[i] }; });
}

async function play(row, side) {
  const player = new Player(...servers[row.way || 'patient'][side], row[side] || row.same || []);
  try {
    await row.script(player);
  } catch (error) {
    player.note(`broke: ${error.message}`);
  }
  player.end();
  return player.lines;
}

async function judge(row) {
  const [ours, theirs] = await Promise.all([play(row, 'ours'), play(row, 'theirs')]);
  if (process.env.SHOW) console.log(JSON.stringify({ name: row.name, ours, theirs }));
  if (row.same) {
    assert.deepStrictEqual(theirs, row.same, 'the reference is not as the row says');
    assert.deepStrictEqual(ours, row.same, 'ours is not as the row says');
  } else {
    assert.notDeepStrictEqual(ours, theirs, 'they do not differ');
    assert.ok(row.why.length > 0);
    assert.deepStrictEqual(theirs, row.theirs, 'the reference is not as the row says');
    assert.deepStrictEqual(ours, row.ours, 'ours is not as the row says');
  }
}

// What depends on time comes last, and is played again if need be: a busy machine is no difference.
const timed = (row) => ['brisk', 'hasty'].includes(row.way);
async function judged(row) {
  for (let again = timed(row) ? 5 : 0; again > 0; again--) {
    try {
      return await judge(row);
    } catch { /* once more */ }
  }
  return judge(row);
}

// Some rows at once; each story then waits for its own.
for (const row of rows) {
  row.verdict = new Promise((resolve, reject) => { row.judge = () => judged(row).then(resolve, reject); });
  row.verdict.catch(() => {});
}
async function work(left) {
  for (let row; (row = left.shift());) await row.judge();
}

story('both servers stand, set up in every way', async () => {
  await beginAll();
  const left = [...rows.filter((row) => !timed(row)), ...rows.filter(timed)];
  for (let i = 0; i < AT_ONCE; i++) work(left);
});

story('each difference has its line in the README, and each line there its difference', () => {
  const readme = fs.readFileSync(path.join(__dirname, '../../tcp_server/README.md'), 'utf8');
  const [, table] = readme.split("## Where its answers differ from the reference's");
  const listed = table.split('\n').filter((line) => /^\| [^*-]/.test(line)).slice(1).map((line) => line.split(' | ').pop().replace(/ \|$/, ''));
  assert.deepStrictEqual([...new Set(listed)].sort(), [...new Set(rows.filter((row) => row.why).map((row) => row.why))].sort());
});

for (const row of rows) story(`${row.same ? 'same' : 'differs'}: ${row.name}`, () => row.verdict);

story('ours end with 0', async () => {
  for (const child of processes) {
    child.kill('SIGTERM');
    assert.strictEqual(await child.ended, 0);
  }
});

tell();
