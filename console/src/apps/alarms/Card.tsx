// One alarm of the list: how grave, who, why, and how much time is left.
import { Card as Box, Flex, Typography, theme } from "antd";
import { useTranslation } from "react-i18next";
import { minuteOf } from "~/ui/time";
import { LevelMark, StateMark } from "./Marks";
import { TimeLeft } from "./TimeLeft";
import type { Alarm } from "./alarm";

export function Card({ alarm, now, chosen, onOpen }: { alarm: Alarm; now: number; chosen: boolean; onOpen: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  const { token } = theme.useToken();
  const edge = { red: token.colorError, amber: token.colorWarning, yellow: token.colorBorder }[alarm.level];
  return (
    <Box
      size="small" hoverable role="button" tabIndex={0} aria-pressed={chosen} onClick={onOpen}
      onKeyDown={(event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        onOpen();
      }}
      style={{ borderInlineStart: `4px solid ${edge}`, outline: chosen ? `2px solid ${token.colorPrimary}` : undefined }}
    >
      <Flex vertical gap={4}>
        <Flex gap={8} wrap align="center">
          <LevelMark level={alarm.level} />
          <StateMark state={alarm.state} />
          <Typography.Text strong>{alarm.name || t("unnamed")}</Typography.Text>
          <Typography.Text type="secondary" style={{ marginInlineStart: "auto" }}>{minuteOf(alarm.newest)}</Typography.Text>
        </Flex>
        <Typography.Text>{t(`rule.${alarm.rule}`, { defaultValue: t("rule.other") })}{t("colon")}{alarm.text}</Typography.Text>
        {alarm.place ? <Typography.Text>{alarm.place}</Typography.Text> : null}
        <Flex gap={8} wrap>
          <TimeLeft alarm={alarm} now={now} />
          {alarm.count > 1 ? <Typography.Text type="secondary">{t("times", { count: alarm.count })}</Typography.Text> : null}
          {alarm.owner ? <Typography.Text type="secondary">{t("by", { name: alarm.owner })}</Typography.Text> : null}
        </Flex>
      </Flex>
    </Box>
  );
}
