// Tells a code gun from fingers: it types as a keyboard does, each sign within milliseconds, and ends with Enter. Pure.

const SLOWEST = 35; // Milliseconds between two signs of a gun, on average; nobody types so fast.
const SHORTEST = 8; // Signs of a code.

export interface Typing { count: number; began: number; last: number }

export const silent: Typing = { count: 0, began: 0, last: 0 };

/** One more sign at an instant (milliseconds). What stands still for long begins anew. */
export function typed(typing: Typing, at: number): Typing {
  const again = typing.count === 0 || at - typing.last > SLOWEST * 10;
  return again ? { count: 1, began: at, last: at } : { count: typing.count + 1, began: typing.began, last: at };
}

/** Whether a text that now ends was read by a gun. */
export function isScanned(typing: Typing, text: string): boolean {
  if (typing.count < SHORTEST || typing.count < text.length) return false;
  return (typing.last - typing.began) / (typing.count - 1) < SLOWEST;
}
