// Days and times as people write them, in the region's time. Pure.
const ZONE = "Asia/Shanghai";

const parts = new Intl.DateTimeFormat("en-CA", {
  timeZone: ZONE, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
});

/** `2026-11-23 08:12` of an instant; a date without a time as it is. */
export function written(instant: string | undefined): string {
  if (!instant) return "";
  if (!instant.includes("T")) return instant;
  const said = Object.fromEntries(parts.formatToParts(new Date(instant)).map((one) => [one.type, one.value]));
  return `${said.year}-${said.month}-${said.day} ${said.hour}:${said.minute}`;
}

export const dayOf = (instant: string | undefined): string => written(instant).slice(0, 10);

export const timeOf = (instant: string | undefined): string => written(instant).slice(11);
