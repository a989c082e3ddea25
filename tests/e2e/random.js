// random: what tests draw comes from SEED (1), which they print.
'use strict';

const seed = Number(process.env.SEED || 1);

// A small seeded generator (mulberry32): each name has its own, so that a story can be told alone.
function random(name) {
  let state = [...name].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 0x01000193), seed ^ 0x811c9dc5);
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
  const below = (n) => next() % n;
  return {
    below,
    between: (from, to) => from + below(to - from + 1),
    bytes: (n) => Buffer.from(Array.from({ length: n }, () => below(256))),
    pick: (list) => list[below(list.length)],
  };
}

module.exports = { seed, random };
