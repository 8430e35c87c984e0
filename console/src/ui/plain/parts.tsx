// The small parts that the residents' screens are drawn with: plain HTML elements, one style sheet.
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Glyph } from "./Glyph";

export function Card({ title, children }: { title?: ReactNode; children: ReactNode }) {
  return (
    <section className="card">
      {title ? <h2>{title}</h2> : null}
      {children}
    </section>
  );
}

export function Waiting() {
  const { t } = useTranslation();
  return <p className="waiting" role="status">{t("app.waiting")}</p>;
}

/** An empty list says what to do. */
export function Empty({ say, children }: { say: string; children?: ReactNode }) {
  return <div className="card empty"><p>{say}</p>{children}</div>;
}

/** Something that needs attention, or does not: a sign, words, and only then a colour. */
export function Mark({ kind, children }: { kind: "high" | "low" | "good" | "note"; children: ReactNode }) {
  return <span className={`mark ${kind}`}><Glyph name={kind} />{children}</span>;
}
