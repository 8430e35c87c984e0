// What the clock does next about an alarm, and how long that is: told by the platform, said here in words.
import { Typography } from "antd";
import { useTranslation } from "react-i18next";
import type { Alarm } from "./alarm";

const SOON = 2; // minutes

export function TimeLeft({ alarm, now }: { alarm: Alarm; now: number }) {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  if (alarm.quiet) return <Typography.Text type="secondary">{t("quiet")}</Typography.Text>;
  if (!alarm.due) return null;
  const minutes = Math.ceil((Date.parse(alarm.due) - now) / 60_000);
  const what = t(`next.${alarm.next}`, { defaultValue: t("next.tell"), whom: t(`whom.${alarm.whom}`, { defaultValue: "" }) });
  const left = minutes <= 0 ? t("now", { what }) : minutes < 90 ? t("within", { count: minutes, what }) : t("later", { count: Math.round(minutes / 60), what });
  return <Typography.Text strong={minutes <= SOON} type={minutes <= SOON ? "danger" : "secondary"}>{left}</Typography.Text>;
}
