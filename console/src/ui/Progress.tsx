// A long action: that it runs, for how long, and how far where that is known. Nothing for what is over at once.
import { Flex, Progress as Bar, Spin, Typography } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

const AT_ONCE = 400; // Milliseconds that need no word.

export function Progress({ busy, say, percent }: { busy: boolean; say: string; percent?: number }) {
  const { t } = useTranslation();
  const [since, setSince] = useState(0);
  useEffect(() => {
    if (!busy) return;
    const began = performance.now();
    const timer = setInterval(() => setSince(performance.now() - began), 200);
    return () => {
      clearInterval(timer);
      setSince(0);
    };
  }, [busy]);
  if (!busy || since < AT_ONCE) return null;
  return (
    <Flex vertical gap={4} role="status" aria-live="polite">
      <Flex gap={8} align="center">
        {percent === undefined ? <Spin size="small" /> : null}
        <Typography.Text>{say}</Typography.Text>
        {since > 2000 ? <Typography.Text type="secondary">{t("ui.seconds", { count: Math.floor(since / 1000) })}</Typography.Text> : null}
      </Flex>
      {percent === undefined ? null : <Bar percent={Math.round(percent)} size="small" aria-label={say} />}
    </Flex>
  );
}
