// What has happened to an alarm, in order: whom it told, by what, who received it, who did what.
import { Flex, Timeline, Typography } from "antd";
import { useTranslation } from "react-i18next";
import type { Parts } from "~/fhir/parameters";
import { comma } from "~/ui/joining";
import { minuteOf } from "~/ui/time";

const GOOD = new Set(["acknowledge", "close", "notice-answered", "notice-received", "notice-reached"]);
const BAD = new Set(["nobody", "notice-not-reached", "notice-unanswered", "notice-no-address", "lapse"]);

export function Course({ events }: { events: Parts[] }) {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  const said = (event: Parts) => {
    const readers = event.values<fhir4.Reference>("reader").map((one) => readerOf(one, t)).join(comma());
    const whom = t(`whom.${event.text("whom")}`, { defaultValue: "" });
    const places = {
      by: event.named("by") || t("platform"),
      whom,
      who: readers && readers !== whom ? `${whom}${whom ? t("colon") : ""}${readers}` : whom,
      channel: t(`channel.${event.text("channel")}`, { defaultValue: "" }),
      outcome: t(`outcome.${event.text("outcome")}`, { defaultValue: event.text("outcome") }),
    };
    return t(`event.${event.text("what")}`, { ...places, defaultValue: t("event.other") });
  };
  const items = events.map((event, place) => ({
    key: place,
    color: BAD.has(event.text("what")) ? "red" : GOOD.has(event.text("what")) ? "green" : "gray",
    content: (
      <Flex vertical>
        <span>
          <Typography.Text type="secondary">{minuteOf(event.text("at"))}</Typography.Text>　{said(event)}
          {event.number("late") ? t("late", { count: event.number("late") ?? 0 }) : ""}
        </span>
        {event.text("words") ? <Typography.Text italic>{t("quoted", { words: event.text("words") })}</Typography.Text> : null}
      </Flex>
    ),
  }));
  return <Timeline items={items} style={{ marginTop: 8 }} />;
}

function readerOf(one: fhir4.Reference, t: (key: string, given?: Record<string, unknown>) => string): string {
  const [type] = (one.reference ?? "").split("/");
  if (type === "Organization") return t("desk-of", { name: one.display ?? "" });
  if (type === "Patient") return t("whom.resident");
  return one.display ?? t("whom.family");
}
