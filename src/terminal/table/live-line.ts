// One line on a terminal that shows the progress and disappears when lasting output is printed. Without a terminal on
// stderr nothing is shown.

import { printable } from '../../model/command/printable.ts'
import { overLiveLine } from '../print.ts'

interface LiveLine {
  show(text: string): void
  clear(): void
}

export function liveLine(wanted: boolean): LiveLine {
  const { stderr } = process
  if (!wanted || stderr.isTTY !== true) return { show: () => {}, clear: () => {} }
  let shown = ''
  return {
    show(text) {
      // A wrapped line could not be erased.
      const fits = printable(text).slice(0, Math.max(20, stderr.columns || 80) - 1)
      if (fits === shown) return
      shown = fits
      overLiveLine(fits)
    },
    clear() {
      if (shown !== '') overLiveLine('')
      shown = ''
    },
  }
}
