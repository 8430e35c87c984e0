// The signs of the residents' screens, drawn in the colour of the words beside them, which say the same.
const PATHS = {
  back: "M15 5l-7 7 7 7",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4",
  call: "M5 4h4l2 5-3 2a12 12 0 0 0 5 5l2-3 5 2v4a2 2 0 0 1-2 2A16 16 0 0 1 3 6a2 2 0 0 1 2-2z",
  code: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h2v2h-2zM18 18h2v2h-2zM18 14h2M14 18v2",
  curve: "M3 20h18M4 15l4-5 4 3 4-8 4 5",
  device: "M8 3h8v18H8zM8 7h8M8 17h8",
  down: "M12 3v12M7 11l5 5 5-5M4 20h16",
  drop: "M12 3c4 5 6 8 6 11a6 6 0 0 1-12 0c0-3 2-6 6-11z",
  eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  family: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM16 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2 20c0-4 3-6 6-6s6 2 6 6M14 14c4-1 8 2 8 6",
  good: "M4 12l5 6L20 6",
  heart: "M12 20S3 14 3 8.500A4.500 4.500 0 0 1 12 7a4.500 4.500 0 0 1 9 1.500C21 14 12 20 12 20z",
  high: "M12 20V4M6 10l6-6 6 6",
  home: "M3 11l9-8 9 8M6 9v11h12V9",
  key: "M8 13a4 4 0 1 1 3.500-2L21 11v4h-3v-2M8 9h.01",
  low: "M12 4v16M6 14l6 6 6-6",
  mail: "M3 5h18v14H3zM3 6l9 7 9-7",
  note: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 8h.01M12 11v6",
  pill: "M10 4l10 10a4 4 0 0 1-6 6L4 10a4 4 0 0 1 6-6zM7 13l6-6",
  plus: "M12 4v16M4 12h16",
  print: "M7 8V3h10v5M7 17H4V8h16v9h-3M7 14h10v7H7z",
  question: "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2M12 18h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
  shield: "M12 3l8 3v6c0 5-4 8-8 9-4-1-8-4-8-9V6zM8 12l3 3 5-6",
  sheet: "M6 3h9l4 4v14H6zM9 11h7M9 15h7M9 7h3",
  sound: "M4 9v6h4l5 4V5L8 9zM16 9a4 4 0 0 1 0 6M19 6a8 8 0 0 1 0 12",
  syringe: "M14 4l6 6M17 7l-9 9-4 1 1-4 9-9M4 20l2-2",
  visit: "M5 21V5h14v16M3 21h18M12 8v6M9 11h6",
} as const;

export type GlyphName = keyof typeof PATHS;

export function Glyph({ name }: { name: GlyphName }) {
  return (
    <svg className="glyph" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
