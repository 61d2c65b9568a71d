// `node test/bench/load/endless-answers.ts ADDRESS PORT`: a member's REST API that answers every question with a JSON document
// that never ends, as fast as it is read.

import { createServer } from 'node:http'

const [address = '', port = ''] = process.argv.slice(2)
const PIECE = `"${'x'.repeat(65_000)}",`

createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.write('[')
  const more = (): void => {
    while (!response.destroyed && response.write(PIECE));
  }
  response.on('drain', more)
  response.on('error', () => {})
  more()
})
  .on('connection', socket => socket.on('error', () => {}))
  .listen(Number(port), address)
