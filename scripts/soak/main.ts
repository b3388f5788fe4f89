// npm run soak -- cpu | kill | jail [options]: each has a file of its own, which says what it does and takes.
const [, , name] = process.argv;
await(name === 'cpu' ? import('./cpu.ts') : import('../soak.ts'));
