// The live page: open alarms, the gravest and soonest first, and beside them the one that is opened.
import { SoundFilled, SoundOutlined } from "@ant-design/icons";
import { Alert, Button, Flex, Grid, Spin, Typography } from "antd";
import { useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { Nothing } from "~/ui/Nothing";
import { Card } from "./Card";
import { Detail } from "./Detail";
import { Frame } from "./Frame";
import { inOrder } from "./alarm";
import { useLive } from "./live";
import { useSound } from "./sound";

const TICK = 5_000;

export default function Live() {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  const sound = useSound();
  const { alarms, line } = useLive(sound.ring);
  const [given, give] = useSearchParams();
  const wide = Grid.useBreakpoint().lg ?? true;
  const now = useNow();
  const rows = useMemo(() => inOrder(alarms.values()), [alarms]);
  const chosen = Number(given.get("id") ?? 0);
  const open = (id: number) => give(id ? { id: String(id) } : {});
  const counts = (["red", "amber", "yellow"] as const).map((level) => t(`counted.${level}`, { count: rows.filter((one) => one.level === level).length }));
  const list = (
    <Flex vertical gap={8} component="ul" style={{ listStyle: "none", margin: 0, padding: 0 }} aria-label={t("open")}>
      {rows.map((one) => <li key={one.id}><Card alarm={one} now={now} chosen={one.id === chosen} onOpen={() => open(one.id)} /></li>)}
      {rows.length === 0 && line === "live" ? <Nothing say={t("none")} /> : null}
      {rows.length === 0 && line === "connecting" ? <Spin style={{ padding: 48 }} /> : null}
    </Flex>
  );
  return (
    <Frame
      actions={
        <Button icon={sound.on ? <SoundFilled /> : <SoundOutlined />} aria-pressed={sound.on} onClick={() => sound.choose(!sound.on)}>
          {t(sound.on ? "sound.on" : "sound.off")}
        </Button>
      }
    >
      <div role="status" aria-live="polite">
        {line === "lost" ? <Alert type="warning" showIcon title={t("lost")} description={t("lost-say")} /> : null}
        {line === "refused" ? <Alert type="info" showIcon title={t("refused")} /> : null}
        {line === "live" ? <Typography.Text type="secondary">{t("connected")} · {counts.join(" · ")}</Typography.Text> : null}
      </div>
      {wide ? (
        <div style={{ display: "grid", gridTemplateColumns: "minmax(340px, 2fr) 3fr", gap: 16, alignItems: "start" }}>
          {list}
          {chosen ? <Detail key={chosen} id={chosen} live={alarms.get(chosen)} now={now} /> : rows.length ? <Nothing say={t("choose")} /> : <span />}
        </div>
      ) : chosen ? (
        <>
          <Button onClick={() => open(0)} style={{ alignSelf: "start" }}>{t("back")}</Button>
          <Detail key={chosen} id={chosen} live={alarms.get(chosen)} now={now} />
        </>
      ) : list}
    </Frame>
  );
}

function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), TICK);
    return () => window.clearInterval(timer);
  }, []);
  return now;
}
