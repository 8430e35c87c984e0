// The overview on a wall, 1920 × 1080: dark, large, without anything to touch. A lost connection is said, and what was seen
// last stays.
import { CloseOutlined, WarningOutlined } from "@ant-design/icons";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useHere } from "~/app/session";
import { minuteOf } from "~/ui/time";
import { Days } from "./Days";
import { below, number, type Figure, type Overview } from "./figures";

interface Props {
  told: Overview;
  lost: boolean;
  /** When what is shown came, in milliseconds since 1970. */
  seen: number;
  onLeave: () => void;
}

export function Wall({ told, lost, seen, onLeave }: Props) {
  const { t } = useTranslation("translation", { keyPrefix: "overview" });
  const { about } = useHere();
  const now = useNow();
  useEffect(() => {
    const leave = (event: KeyboardEvent) => event.key === "Escape" && onLeave();
    document.addEventListener("keydown", leave);
    return () => document.removeEventListener("keydown", leave);
  }, [onLeave]);
  const leave = () => {
    if (document.fullscreenElement) void document.exitFullscreen();
    onLeave();
  };
  return (
    <section className="wall" aria-label={t("title")}>
      <header>
        <h1>{t("title")}<small>{told.institution?.name ?? t("region")}</small></h1>
        {about.demonstration ? <span className="wall-demonstration">{t("demonstration")}</span> : null}
        <span role="status" className={lost ? "wall-lost" : ""}>
          {lost ? <><WarningOutlined /> {t("lost", { at: minuteOf(seen) })}</> : t("renewed", { at: minuteOf(told.instant) })}
        </span>
        <time>{minuteOf(now)}</time>
        <button type="button" onClick={leave} aria-label={t("leave")}><CloseOutlined /></button>
      </header>
      <div className="wall-figures">
        {told.figures.map((one) => <Block key={one.id} figure={one} />)}
      </div>
      <div className="wall-days"><Days days={told.days} height={250} bright /></div>
    </section>
  );
}

function Block({ figure }: { figure: Figure }) {
  const { t } = useTranslation("translation", { keyPrefix: "overview" });
  return (
    <article className={figure.level === "poor" ? "poor" : ""}>
      <h2>{figure.title}{figure.level ? <em>{t(`level.${figure.level}`)}</em> : null}</h2>
      <p className="number">
        {figure.kind === "estimate" && figure.value !== null ? <small className="about">{t("about")}</small> : null}
        {number(figure)}<small>{figure.value === null ? "" : figure.unit}</small>
      </p>
      <p>{below(figure, t)}</p>
    </article>
  );
}

function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 10_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
