// The chat page: rooms, names, who is here, and what becomes of a connection.
//
// The server's words: `join`, `leave`, `name`, `who` and `chat message` are asked and answered;
// `joined`, `left`, `chat message` and `gap` come unasked; `hello` ends a replay.
'use strict';

const LINES_MAX = 500; // kept of each room
const ANSWER_MS = 10000;
const BANNER_MS = 8000;

const path = document.currentScript.dataset.path;
const $ = (id) => document.getElementById(id);
const rooms = new Map(); // name -> { lines: [element], here: Map(id -> name), unread }
let current = null;
let following = true; // the log's end is in sight, and stays so
let name = remembered() || `Guest ${1000 + Math.floor(Math.random() * 9000)}`;

// A replay runs from `connect` to `hello`: what arrives between was missed.
const replay = { running: false, ever: false, lostLink: false, events: 0, gaps: 0 };

// A browser may refuse to keep anything; then the name lives as long as the page.
function remembered() {
  try { return localStorage.getItem('name'); } catch (refused) { return null; }
}

function remember() {
  try { localStorage.setItem('name', name); } catch (refused) { /* as said */ }
}

/* ---- what is shown ---------------------------------------------------------------------------- */

function element(tag, text, className) {
  const e = document.createElement(tag);
  e.textContent = text;
  if (className) e.className = className;
  return e;
}

const shownName = (id, given) => given || `Guest ${id.slice(0, 4)}`;

function banner(words, good) {
  clearTimeout(banner.timer);
  $('banner').textContent = words;
  $('banner').classList.toggle('good', Boolean(good));
  $('banner').hidden = !words;
  if (good) banner.timer = setTimeout(() => banner(''), BANNER_MS);
}

function state(on, words) {
  $('state').dataset.state = on ? 'on' : 'off';
  $('state').textContent = words;
}

function drawRooms() {
  const held = document.activeElement && document.activeElement.dataset.room;
  $('rooms').replaceChildren(...[...rooms].map(([room, { unread }]) => {
    const button = element('button', room);
    button.dataset.room = room;
    if (room === current) button.setAttribute('aria-current', 'true');
    if (unread) {
      const count = element('span', unread, 'unread');
      count.setAttribute('aria-label', `${unread} unread`);
      button.append(count);
    }
    button.addEventListener('click', () => open(room));
    const item = document.createElement('li');
    item.append(button);
    if (room === held) requestAnimationFrame(() => button.focus());
    return item;
  }));
}

function drawWho() {
  const here = current ? [...rooms.get(current).here] : [];
  $('who').replaceChildren(...here.map(([id, given]) =>
    element('li', shownName(id, given) + (id === socket.id ? ' (you)' : ''))));
}

function toEnd() {
  $('log').scrollTop = $('log').scrollHeight;
}

function watchEnd() {
  const log = $('log');
  log.addEventListener('scroll', () => { following = log.scrollHeight - log.scrollTop - log.clientHeight < 60; });
  new ResizeObserver(() => following && toEnd()).observe(log);
}

function addLine(room, line) {
  const it = rooms.get(room);
  if (!it) return;
  it.lines.push(line);
  const old = it.lines.length > LINES_MAX ? it.lines.shift() : null;
  if (room !== current) {
    it.unread++;
    drawRooms();
    return;
  }
  if (old) old.remove();
  $('log').append(line);
  if (following) toEnd();
}

const note = (room, words, kind = 'note') => addLine(room, element('li', words, kind));

function open(room) {
  current = room;
  rooms.get(room).unread = 0;
  $('title').textContent = room;
  $('leave').hidden = false;
  $('leave').setAttribute('aria-label', `Leave ${room}`);
  $('log').replaceChildren(...rooms.get(room).lines);
  history.replaceState(null, '', `#${encodeURIComponent(room)}`);
  drawRooms();
  drawWho();
  toEnd();
  if (!matchMedia('(min-width: 48rem)').matches) $('side').open = false;
  $('text').focus();
}

function nowhere() {
  current = null;
  $('title').textContent = 'No room';
  $('leave').hidden = true;
  $('log').replaceChildren();
  history.replaceState(null, '', location.pathname);
  drawRooms();
  drawWho();
  $('side').open = true;
  $('room').focus();
}

/* ---- asking the server ------------------------------------------------------------------------ */

// Resolves with the answer's arguments, or with null after saying what went wrong.
function ask(...event) {
  return new Promise((resolve) => socket.timeout(ANSWER_MS).emit(...event, (late, ...answer) => {
    const error = late ? 'no answer; it may have arrived or not' : answer[0] && answer[0].error;
    if (error && current) note(current, `${event[0]}: ${error}`);
    else if (error) banner(`${event[0]}: ${error}`);
    resolve(error ? null : answer);
  }));
}

async function fetchWho(room) {
  const answer = await ask('who', room);
  if (!answer || !rooms.has(room)) return;
  rooms.get(room).here = new Map(answer[0].map((one) => [one.id, one.name]));
  if (room === current) drawWho();
}

async function join(room) {
  if (!await ask('join', room)) return;
  if (!rooms.has(room)) rooms.set(room, { lines: [], here: new Map(), unread: 0 });
  open(room);
  await fetchWho(room);
}

async function leave(room) {
  if (!await ask('leave', room)) return;
  rooms.delete(room);
  const [next] = rooms.keys();
  if (next) open(next);
  else nowhere();
}

/* ---- the connection --------------------------------------------------------------------------- */

// What this browser calls itself; the server forgets it with the session.
async function begin() {
  await ask('name', name);
  if (rooms.size === 0) {
    await join(decodeURIComponent(location.hash.slice(1)) || 'lobby');
    return;
  }
  for (const room of rooms.keys()) {
    if (await ask('join', room)) await fetchWho(room);
  }
}

function count(n, one, many) {
  return `${n} ${n === 1 ? one : many}`;
}

function sayBack() {
  const events = count(replay.events, 'missed event', 'missed events');
  if (socket.recovered) banner(`Connected again: recovered ${events}.`, true);
  else if (replay.gaps > 0) banner(`Connected again: recovered ${events}, but some are lost for good; the rooms say where.`);
  else banner('Connected again as a new session: what was said meanwhile is not shown.');
}

function onConnect() {
  Object.assign(replay, { running: true, events: 0, gaps: 0 });
  state(true, 'connected');
}

function onHello() {
  replay.running = false;
  if (replay.lostLink) sayBack();
  if (socket.recovered) [...rooms.keys()].forEach(fetchWho);
  else begin();
  Object.assign(replay, { ever: true, lostLink: false });
}

function onDisconnect(reason) {
  replay.lostLink = replay.ever;
  state(false, 'reconnecting');
  banner('Connection lost. Reconnecting; what you miss will be fetched.');
  if (reason === 'io server disconnect') setTimeout(() => socket.connect(), 1000); // no attempt by itself then
}

function onMessage(message) {
  const toRoom = message && typeof message === 'object' && typeof message.room === 'string';
  const room = toRoom ? message.room : current;
  if (!rooms.has(room)) return;
  const line = document.createElement('li');
  line.className = toRoom && message.from === socket.id ? 'own' : '';
  line.append(element('b', toRoom ? shownName(message.from, message.name) : 'to everyone'));
  line.append(element('span', toRoom ? message.text : typeof message === 'string' ? message : JSON.stringify(message)));
  if (replay.running) line.append(element('small', 'recovered'));
  addLine(room, line);
  const { here } = rooms.get(room);
  if (toRoom && here.has(message.from) && here.get(message.from) !== message.name) {
    here.set(message.from, message.name); // renamed since
    if (room === current) drawWho();
  }
}

function onStay(word, { room, id, name: given }) {
  if (!rooms.has(room)) return;
  const { here } = rooms.get(room);
  if (word === 'joined') here.set(id, given);
  else here.delete(id);
  note(room, `${shownName(id, given)} ${word}`);
  if (room === current) drawWho();
}

function onGap({ room, from, to, reason }) {
  replay.gaps++;
  const words = `Events are missing here: numbers ${from} to ${to} are gone (${reason}).`;
  for (const hit of room ? [room] : rooms.keys()) note(hit, words, 'gap');
}

/* ---- start ------------------------------------------------------------------------------------ */

function submit(form, run) {
  $(form).addEventListener('submit', (event) => {
    event.preventDefault();
    if (socket.connected && !replay.running) run();
    else banner('Not sent: there is no connection. It is tried again and again; your words stay here.');
  });
}

async function say() {
  const text = $('text').value.trim();
  if (!text || !current) return;
  $('text').value = '';
  if (!await ask('chat message', { room: current, text }) && !$('text').value) $('text').value = text;
}

async function rename() {
  const wanted = $('name').value.trim();
  if (!wanted || !await ask('name', wanted)) return;
  name = wanted;
  remember();
  if (!current) return;
  note(current, `You are ${name} now`);
  await fetchWho(current);
  $('text').focus();
}

function joinTyped() {
  const room = $('room').value.trim();
  $('room').value = '';
  if (rooms.has(room)) open(room);
  else if (room) join(room);
}

const socket = typeof io === 'undefined' ? null : io({
  path,
  auth: { gaps: true }, // we can say where events are missing
  transports: ['websocket', 'polling'],
  tryAllTransports: true,
  reconnectionDelay: 500,
});

$('name').value = name;
if (!socket) {
  state(false, 'no client');
  banner(`The Socket.IO client did not load: ${path}socket.io.js says why.`);
} else {
  $('side').open = matchMedia('(min-width: 48rem)').matches;
  matchMedia('(min-width: 48rem)').addEventListener('change', (wide) => { $('side').open = wide.matches; });
  watchEnd();
  submit('say', say);
  submit('name-form', rename);
  submit('join-form', joinTyped);
  $('leave').addEventListener('click', () => current && leave(current));
  socket.onAny((event) => { if (replay.running && event !== 'hello' && event !== 'gap') replay.events++; });
  socket.on('connect', onConnect);
  socket.on('hello', onHello);
  socket.on('disconnect', onDisconnect);
  socket.on('connect_error', () => state(false, 'no connection; trying again'));
  socket.on('chat message', onMessage);
  socket.on('joined', (stay) => onStay('joined', stay));
  socket.on('left', (stay) => onStay('left', stay));
  socket.on('gap', onGap);
}
