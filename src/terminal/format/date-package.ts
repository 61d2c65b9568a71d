// The package that reads dates as people write them, under a name of our own (see prompts-package.ts).

export { casual } from 'chrono-node/en'
