// The overview on a wall, 1920 × 1080: dark, large, without anything to touch. A lost connection is said, and what was seen
// last stays.
import { CloseOutlined, WarningOutlined } from "@ant-design/icons";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useHere } from "~/app/session";
import { Days } from "./Days";
import { below, number, written, type Figure, type Overview } from "./figures";

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
          {lost ? <><WarningOutlined /> {t("lost", { at: written(seen, told.zone) })}</> : t("renewed", { at: written(told.instant, told.zone) })}
        </span>
        <time>{written(now, told.zone)}</time>
        <button type="button" onClick={leave} aria-label={t("leave")}><CloseOutlined /></button>
      </header>
      <div className="wall-figures">
        {told.figures.map((one) => <Block key={one.id} figure={one} zone={told.zone} />)}
      </div>
      <div className="wall-days"><Days days={told.days} height={250} bright /></div>
    </section>
  );
}

function Block({ figure, zone }: { figure: Figure; zone: string }) {
  const { t } = useTranslation("translation", { keyPrefix: "overview" });
  return (
    <article className={figure.level === "poor" ? "poor" : ""}>
      <h2>{figure.title}{figure.level ? <em>{t(`level.${figure.level}`)}</em> : null}</h2>
      <p className="number">
        {figure.kind === "estimate" && figure.value !== null ? <small>{t("about")}</small> : null}
        {number(figure, zone)}<small>{figure.value === null ? "" : figure.unit}</small>
      </p>
      <p>{below(figure, zone, t)}</p>
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
