// What stands between words, as the language of the page writes it.
import { language } from "./language";

const MARKS = {
  zh: { comma: "、", clause: "；", colon: "：", open: "（", close: "）" },
  en: { comma: ", ", clause: "; ", colon: ": ", open: " (", close: ")" },
};

/** Between words of a list. */
export const comma = (): string => MARKS[language()].comma;

/** Between lists, or phrases that have commas within. */
export const clause = (): string => MARKS[language()].clause;

/** Between a thing and what is said of it. */
export const colon = (): string => MARKS[language()].colon;

/** What stands in brackets behind something. */
export const aside = (text: string | number): string => `${MARKS[language()].open}${text}${MARKS[language()].close}`;
