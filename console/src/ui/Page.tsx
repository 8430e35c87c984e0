// A screen's page: what it is, what can be done here, and then its matter.
import { Flex, Typography } from "antd";
import { useEffect, type ReactNode } from "react";
import { useTranslation } from "react-i18next";

interface Shown {
  title: string;
  /** A sentence below the title, where it says what the title does not. */
  say?: ReactNode;
  /** Buttons at the right. */
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, say, actions, children }: Shown) {
  const { t } = useTranslation();
  useEffect(() => {
    document.title = `${title} · ${t("app.name")}`;
  }, [title, t]);
  return (
    <Flex vertical gap={12} style={{ minWidth: 0 }}>
      <Flex justify="space-between" align="flex-start" gap={12} wrap>
        <div style={{ minWidth: 0 }}>
          <Typography.Title level={1} style={{ fontSize: 20, margin: 0 }}>{title}</Typography.Title>
          {say ? <Typography.Text type="secondary">{say}</Typography.Text> : null}
        </div>
        {actions ? <Flex gap={8} wrap align="center">{actions}</Flex> : null}
      </Flex>
      {children}
    </Flex>
  );
}
