// The prompts package under a name of our own: a bundle keeps lazy imports of own files right, not those of packages.

export { confirm, input, password } from '@inquirer/prompts'
