// What the documents must say: each dependency has a reason, each room a line, each release its safety notes first.

/** `packages`: names from package.json; `decisions`: the text of all files in docs/adr. */
export function unexplainedPackages(packages: readonly string[], decisions: string): string[] {
  return packages
    .filter(name => !decisions.includes(`\`${name}\``))
    .map(name => `${name}: say in docs/adr why it is needed`)
}

/** `folders`: `src/act`, `commands`. */
export function unlistedRooms(folders: readonly string[], architecture: string): string[] {
  return folders
    .filter(folder => !architecture.includes(`${folder}/`))
    .map(folder => `${folder}/: ARCHITECTURE.md does not say what it is for`)
}

/** A title, versions in `## `, and in each the sections in `### `, Safety first. */
export function changelogProblems(text: string): string[] {
  const problems: string[] = []
  if (!text.startsWith('# Changelog\n')) problems.push('CHANGELOG.md: the first line must be "# Changelog"')
  const versions = text.split(/^## /m).slice(1)
  if (versions.length === 0) problems.push('CHANGELOG.md: no version')
  for (const version of versions) {
    const name = version.split('\n', 1)[0]
    if (!/^(Unreleased|\d+\.\d+\.\d+ \(\d{4}-\d\d-\d\d\))$/.test(name ?? '')) {
      problems.push(`CHANGELOG.md: "${name}" must be "Unreleased" or "1.2.3 (2026-01-31)"`)
    }
    const first = /^### (.*)$/m.exec(version)?.[1]
    if (first !== 'Safety') problems.push(`CHANGELOG.md: ${name} must begin with the section Safety`)
  }
  return problems
}

export function adrProblems(name: string, text: string): string[] {
  const problems: string[] = []
  if (!/^\d{4}-[a-z0-9-]+\.md$/.test(name)) problems.push(`docs/adr/${name}: must be named 0001-title.md`)
  for (const heading of ['## Context', '## Decision', '## Consequences']) {
    if (!text.includes(`\n${heading}\n`)) problems.push(`docs/adr/${name}: has no "${heading}"`)
  }
  return problems
}
