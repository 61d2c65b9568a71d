// The prompts package behind a file of our own: the bundler keeps lazy imports of our own files, but not those of
// packages.

export { confirm, input, password } from '@inquirer/prompts'
