// What a browser gets from tcp_server: the files over plain HTTP, and the chat page in a real browser.
// Screenshots of it are left in build/web/.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { serve, within, until, story, tell } = require('./harness');
const browser = require('./browser');

const BUNDLE = ['socket.io.js', 'socket.io.min.js', 'socket.io.esm.min.js', 'socket.io.msgpack.min.js'].flatMap((name) => [name, `${name}.map`]);
const DIST = path.join(path.dirname(require.resolve('socket.io-client/package.json')), 'dist');
const SHOTS = path.join(__dirname, '../../build/web');
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };

const servers = {};

/* ---- over plain HTTP ------------------------------------------------------------------------- */

function ask(address, url, { method = 'GET', headers = {}, agent } = {}) {
  return within(`answer to ${method} ${url}`, (resolve, reject) => {
    const request = http.request(`http://${address}${url}`, { method, headers, agent }, (response) => {
      const body = [];
      response.on('data', (piece) => body.push(piece));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(body), port: request.socket.localPort }));
    });
    request.on('error', reject);
    request.end();
  });
}

story('GET / is the page, under a policy that lets in nothing inline and nothing from elsewhere', async () => {
  servers.chat = await serve('tcp_server', ['--listen', '127.0.0.1:0'], ['tcp']);
  const page = await ask(servers.chat.tcp, '/');
  assert.strictEqual(page.status, 200);
  assert.strictEqual(page.headers['content-type'], 'text/html; charset=utf-8');
  assert.strictEqual(Number(page.headers['content-length']), page.body.length);
  const policy = page.headers['content-security-policy'];
  assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self';/);
  assert.doesNotMatch(policy, /unsafe|\*|http/);
  for (const file of ['/chat.js', '/chat.css', '/icon.svg']) {
    const answer = await ask(servers.chat.tcp, file);
    assert.strictEqual(answer.status, 200);
    assert.ok(answer.body.equals(fs.readFileSync(path.join(__dirname, '../../tcp_server/web', file))), file);
    assert.strictEqual((await ask(servers.chat.tcp, file, { headers: { 'if-none-match': answer.headers.etag } })).status, 304);
  }
});

story('the eight files of the bundle, with type, age and version; 304 to who has them; HEAD', async () => {
  const version = require('socket.io-client/package.json').version;
  for (const name of BUNDLE) {
    const url = `/socket.io/${name}`;
    const file = fs.readFileSync(path.join(DIST, name));
    const whole = await ask(servers.chat.tcp, url);
    assert.strictEqual(whole.status, 200);
    assert.ok(whole.body.equals(file), name);
    assert.strictEqual(whole.headers['content-type'], `application/${name.endsWith('.map') ? 'json' : 'javascript'}; charset=utf-8`);
    assert.strictEqual(whole.headers['cache-control'], 'public, max-age=0');
    assert.strictEqual(whole.headers.etag, `"${version}"`);
    for (const tag of [`"${version}"`, `W/"${version}"`]) {
      const known = await ask(servers.chat.tcp, url, { headers: { 'if-none-match': tag } });
      assert.deepStrictEqual([known.status, known.body.length, known.headers.etag], [304, 0, `"${version}"`]);
    }
    const head = await ask(servers.chat.tcp, url, { method: 'HEAD' });
    assert.deepStrictEqual([head.status, head.body.length, Number(head.headers['content-length'])], [200, 0, file.length]);
  }
  assert.strictEqual((await ask(servers.chat.tcp, '/', { method: 'POST' })).status, 405);
  assert.strictEqual((await ask(servers.chat.tcp, '/socket.io/socket.io.no.js')).status, 400);
  assert.strictEqual((await ask(servers.chat.tcp, '/no.html')).status, 404);
});

story('one connection carries several files, asked one after the other or all at once', async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set();
  for (const url of ['/', '/chat.js', '/socket.io/socket.io.js']) ports.add((await ask(servers.chat.tcp, url, { agent })).port);
  agent.destroy();
  assert.strictEqual(ports.size, 1);

  const [host, port] = servers.chat.tcp.split(':');
  const line = (url, more) => `GET ${url} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
  const socket = net.connect({ host, port });
  socket.write(line('/socket.io/socket.io.js.map', '') + line('/chat.css', '') + line('/icon.svg', 'Connection: close\r\n'));
  let got = '';
  socket.on('data', (data) => { got += data.toString('latin1'); });
  await within('end of three answers', (resolve) => socket.on('end', resolve));
  socket.end();
  const lengths = ['socket.io.js.map', 'chat.css', 'icon.svg'].map((name, i) =>
    fs.statSync(path.join(i === 0 ? DIST : path.join(__dirname, '../../tcp_server/web'), name)).size);
  assert.deepStrictEqual([...got.matchAll(/\r\nContent-Length: (\d+)\r\n/g)].map((m) => Number(m[1])), lengths);
  assert.ok(got.endsWith('</svg>\n'));
});

story('without the npm package its files are 404 with a sentence, and all else goes on', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'twincast-web-'));
  const bin = process.env.TWINCAST_BIN || path.join(__dirname, '../../bin');
  try {
    fs.copyFileSync(path.join(bin, 'tcp_server'), path.join(folder, 'tcp_server'));
    fs.chmodSync(path.join(folder, 'tcp_server'), 0o755);
    const alone = await serve(path.join(folder, 'tcp_server'), ['--listen', '127.0.0.1:0'], ['tcp']);
    const answer = await ask(alone.tcp, '/socket.io/socket.io.js');
    assert.strictEqual(answer.status, 404);
    assert.match(answer.body.toString(), /make deps/);
    assert.strictEqual((await ask(alone.tcp, '/')).status, 200);
    assert.strictEqual((await ask(alone.tcp, '/socket.io/?EIO=4&transport=polling')).status, 200);
    alone.child.kill('SIGTERM');
    assert.strictEqual(await alone.child.ended, 0);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

/* ---- in a browser ---------------------------------------------------------------------------- */

let chromium;
const troubles = []; // errors on any page's console: a broken policy is one

// A proxy that can be cut and mended; what a network does to a page.
function proxy(address) {
  const [host, port] = address.split(':');
  const open = new Set();
  const p = { broken: false };
  const server = net.createServer((near) => {
    if (p.broken) { near.destroy(); return; }
    const far = net.connect({ host, port });
    for (const [one, other] of [[near, far], [far, near]]) {
      open.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => { open.delete(one); other.destroy(); });
    }
  });
  p.cut = () => { p.broken = true; open.forEach((s) => s.destroy()); };
  p.mend = () => { p.broken = false; };
  p.close = () => { p.cut(); server.close(); };
  return within('proxy', (resolve) => server.listen(0, '127.0.0.1', () => resolve(Object.assign(p, { address: `127.0.0.1:${server.address().port}` }))));
}

async function visit(address, { viewport = DESKTOP, hash = '', colorScheme = 'light', complaints = troubles } = {}) {
  const context = await chromium.newContext({ viewport, colorScheme });
  const page = await context.newPage();
  page.setDefaultTimeout(30000);
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    const nothing = message.location().url.endsWith('/favicon.ico'); // asked by itself for a page that names no icon
    if (message.type() === 'error' && !nothing) complaints.push(message.text());
  });
  await page.goto(`http://${address}/${hash}`);
  return page;
}

async function chatter(address, name, options) {
  const page = await visit(address, options);
  await page.getByRole('button', { name: /^Leave / }).waitFor(); // it is in its first room
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Rename' }).click();
  await page.getByText(`You are ${name} now`).waitFor();
  return page;
}

async function say(page, text) {
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
}

const lines = (page) => page.getByRole('log').getByRole('listitem');
const heard = (page, text) => lines(page).filter({ hasText: text }).first().waitFor();
// The people beside the room are these; the list is asked for behind what it is about.
const people = (page, ...names) => page.waitForFunction((all) => JSON.stringify([...document.querySelectorAll('#who li')].map((li) => li.textContent).sort()) === all,
  JSON.stringify(names.sort()));
const shot = (page, name) => page.screenshot({ path: path.join(SHOTS, `${name}.png`) });

// The page as wide as the window: nothing sticks out sideways.
async function fits(page) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.strictEqual(wide, 0, `the page is ${wide} pixels too wide`);
}

function inBrowser() {
  const pages = {};
  let link;

  story('two pages chat in a room and see each other by name', async () => {
    chromium = await browser.launch();
    fs.mkdirSync(SHOTS, { recursive: true });
    link = await proxy(servers.chat.tcp);
    pages.ann = await chatter(servers.chat.tcp, 'Ann', { hash: '#tea' });
    pages.bo = await chatter(link.address, 'Bo', { hash: '#tea' });
    await say(pages.ann, 'is there tea?');
    await heard(pages.bo, 'is there tea?');
    await say(pages.bo, '<b>two</b> cups & a half');
    await heard(pages.ann, '<b>two</b> cups & a half');
    assert.match(await lines(pages.ann).filter({ hasText: 'cups' }).textContent(), /^Bo/);
    await people(pages.ann, 'Ann (you)', 'Bo');
    await people(pages.bo, 'Ann', 'Bo (you)');
  });

  story('rooms: joining another, unread counts, leaving', async () => {
    const { ann, bo } = pages;
    await ann.getByLabel('Join a room').fill('coffee');
    await ann.getByRole('button', { name: 'Join' }).click();
    await ann.getByRole('heading', { name: 'coffee' }).waitFor();
    await people(ann, 'Ann (you)');
    await say(bo, 'she is gone');
    await ann.getByRole('button', { name: 'tea 1 unread' }).waitFor();
    await shot(ann, 'desktop');
    await fits(ann);
    await ann.getByRole('button', { name: 'Leave coffee' }).click();
    await ann.getByRole('heading', { name: 'tea' }).waitFor();
    await heard(ann, 'she is gone');
    assert.strictEqual(await ann.getByRole('button', { name: 'coffee' }).count(), 0);
  });

  story('a page whose connection is cut says so, comes back, and says how much it recovered', async () => {
    const { ann, bo } = pages;
    link.cut();
    await bo.getByText('Connection lost').waitFor();
    await shot(bo, 'desktop-lost');
    await say(bo, 'into the void');
    await bo.getByText('Not sent').waitFor();
    assert.strictEqual(await bo.getByLabel('Message', { exact: true }).inputValue(), 'into the void');
    await heard(ann, 'Bo left');
    for (let i = 1; i <= 3; i++) await say(ann, `missed ${i}`);
    await heard(ann, 'missed 3');
    link.mend();
    await bo.getByText('recovered 3 missed events').waitFor();
    const replayed = (await lines(bo).allTextContents()).filter((text) => text.includes('missed'));
    assert.deepStrictEqual(replayed.map((text) => /missed \d/.exec(text)[0]), ['missed 1', 'missed 2', 'missed 3']);
    await shot(bo, 'desktop-recovered');
    await say(ann, 'welcome back');
    await heard(bo, 'welcome back');
    await people(bo, 'Ann', 'Bo (you)');
    await heard(ann, 'Bo joined');
    await people(ann, 'Ann (you)', 'Bo');
  });

  story('everything is done by keyboard alone', async () => {
    const page = await visit(servers.chat.tcp, { hash: '#keys' });
    await page.getByRole('heading', { name: 'keys' }).waitFor();
    const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
    await page.waitForFunction(() => document.activeElement.id === 'text');
    const tabTo = async (wanted, key = 'Shift+Tab') => {
      for (let i = 0; i < 20 && await focused() !== wanted; i++) await page.keyboard.press(key);
      assert.strictEqual(await focused(), wanted);
    };
    await page.keyboard.type('typed');
    await page.keyboard.press('Enter');
    await heard(page, 'typed');
    await tabTo('name');
    await page.keyboard.press('Control+a');
    await page.keyboard.type('Kay');
    await page.keyboard.press('Enter');
    await heard(page, 'You are Kay now');
    await tabTo('room');
    await page.keyboard.type('second');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'second' }).waitFor();
    await page.waitForFunction(() => document.activeElement.id === 'text');
    await tabTo('keys');
    assert.match(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), /solid/); // the focus is seen
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'keys' }).waitFor();
    await tabTo('leave');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'second' }).waitFor();
    await tabTo('log');
    await page.reload();
    await page.getByRole('heading', { name: 'second' }).waitFor();
    assert.strictEqual(await page.getByLabel('Your name').inputValue(), 'Kay');
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('Tab');
    await page.context().close();
  });

  story('on a phone all of it fits, and rooms and people are one tap away', async () => {
    const page = await chatter(servers.chat.tcp, 'Phil', { viewport: PHONE, hash: '#tea', colorScheme: 'dark' });
    await say(page, `a long word: ${'tea'.repeat(60)}`);
    await heard(page, 'a long word');
    await say(pages.ann, 'it is tea time');
    await heard(page, 'it is tea time');
    await fits(page);
    await shot(page, 'phone-dark');
    assert.ok(!await page.getByLabel('Join a room').isVisible());
    await page.getByText('Rooms and people').click();
    await page.getByLabel('Join a room').waitFor();
    await page.getByText('Phil (you)').waitFor();
    await fits(page);
    await shot(page, 'phone-dark-side');
    const button = await page.getByRole('button', { name: 'Send' }).boundingBox();
    assert.ok(button.y + button.height <= PHONE.height, 'the message field is in sight');
    await page.context().close();
  });

  story('what is lost for good is said in the room, with its numbers', async () => {
    servers.small = await serve('tcp_server', ['--listen', '127.0.0.1:0', '--log-events', '8'], ['tcp']);
    const frail = await proxy(servers.small.tcp);
    const [ann, bo] = [await chatter(servers.small.tcp, 'Ann'), await chatter(frail.address, 'Bo', { viewport: PHONE })];
    frail.cut();
    await bo.getByText('Connection lost').waitFor();
    await heard(ann, 'Bo left');
    for (let i = 1; i <= 20; i++) {
      await say(ann, `said ${i}.`);
      await heard(ann, `said ${i}.`);
    }
    frail.mend();
    await bo.getByText('some are lost for good').waitFor();
    const gap = await lines(bo).filter({ hasText: 'Events are missing here' }).first().textContent();
    const [from, to] = /numbers (\d+) to (\d+) are gone/.exec(gap).slice(1).map(Number);
    assert.ok(from >= 1 && from <= to, gap);
    await heard(bo, 'said 20.');
    await bo.waitForFunction(() => { const log = document.getElementById('log'); return log.scrollHeight - log.scrollTop - log.clientHeight < 1; });
    assert.strictEqual(await lines(bo).filter({ hasText: 'said 1.' }).count(), 0);
    await shot(bo, 'phone-gap');
    await say(bo, 'still here');
    await heard(ann, 'still here');
    frail.close();
    for (const page of [ann, bo]) await page.context().close();
  });

  story('a server that starts anew is told name and room again', async () => {
    const page = await chatter(link.address, 'Rob', { hash: '#tea' });
    const port = servers.chat.tcp.split(':')[1];
    servers.chat.child.kill('SIGTERM');
    assert.strictEqual(await servers.chat.child.ended, 0);
    await page.getByText('Connection lost').waitFor();
    servers.chat = await serve('tcp_server', ['--listen', `127.0.0.1:${port}`], ['tcp']);
    await page.getByText('as a new session').waitFor();
    await page.waitForFunction(() => /Rob \(you\)/.test(document.getElementById('who').textContent));
    await say(page, 'anew');
    await heard(page, 'anew');
    link.close();
  });

  story('without its client the page says what is missing', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'twincast-web-'));
    fs.writeFileSync(path.join(folder, 'socket.io.js'), '// states no version');
    const { child, tcp } = await serve('tcp_server', ['--listen', '127.0.0.1:0', '--bundle', folder], ['tcp']);
    fs.rmSync(folder, { recursive: true });
    const complaints = [];
    const page = await visit(tcp, { complaints });
    await page.getByText('The Socket.IO client did not load').waitFor();
    await until('the complaint', () => complaints.length > 0);
    assert.match(complaints[0], /404/);
    await page.context().close();
    child.kill('SIGTERM');
    assert.strictEqual(await child.ended, 0);
  });

  story("the getting-started chat works as it is: io() and strings, polling first", async () => {
    servers.plain = await serve('tcp_server', ['--listen', '127.0.0.1:0', '--web', path.join(__dirname, 'getting_started')], ['tcp']);
    const [one, two] = [await visit(servers.plain.tcp), await visit(servers.plain.tcp)];
    for (const page of [one, two]) await page.waitForFunction('socket.connected');
    await one.locator('#input').fill('hello from one');
    await one.locator('#input').press('Enter');
    for (const page of [one, two]) await page.locator('#messages li', { hasText: 'hello from one' }).waitFor();
    await two.waitForFunction("socket.io.engine.transport.name === 'websocket'"); // upgraded meanwhile
    await two.locator('#input').fill('and from two');
    await two.locator('button').click();
    for (const page of [one, two]) await page.locator('#messages li', { hasText: 'and from two' }).waitFor();
    assert.deepStrictEqual(await one.locator('#messages li').allTextContents(), ['hello from one', 'and from two']);
  });

  story('no page complained, of the policy or otherwise; but of connections that we cut', async () => {
    await chromium.close();
    assert.deepStrictEqual(troubles.filter((text) => !/ERR_(CONNECTION|EMPTY|SOCKET|ABORTED|NETWORK)|WebSocket connection to/.test(text)), []);
  });
}

const missing = browser.why();
if (!missing) {
  inBrowser();
} else if (process.env.CI === 'true') {
  story('a browser to try the page in', () => { throw new Error(missing); });
} else {
  console.log(`# the page was not tried in a browser: ${missing}`);
}

tell();
