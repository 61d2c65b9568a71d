// The two versions that hactl shows: the Patroni version whose protocol it speaks (peers compare it, so it must stay
// plain dotted integers) and its own.

export const PROTOCOL_VERSION = '4.1.5'
export const HACTL_VERSION = '0.1.0'
