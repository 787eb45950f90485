package rwm

const openSafely = 0
