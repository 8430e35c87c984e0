// Amounts as people read them.
const UNITS = ["B", "KB", "MB", "GB", "TB", "PB"];

/** 12.3 GB, of bytes. */
export function bytesOf(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** 12,345. */
export const numberOf = (value: number): string => value.toLocaleString("en-US", { maximumFractionDigits: 1 });
