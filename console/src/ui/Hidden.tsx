// What is withheld is said to be, with the ways to ask for it; what those ways are, the platform tells.
import { EyeInvisibleOutlined } from "@ant-design/icons";
import { Alert, Flex } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

/** count: of what is not shown; 0 shows nothing. say: other words than the usual ones. children: buttons that ask. */
export function Hidden({ count, say, children }: { count: number; say?: string; children?: ReactNode }) {
  const { t } = useTranslation();
  if (count <= 0) return null;
  return (
    <Alert
      type="info" showIcon icon={<EyeInvisibleOutlined />} title={say ?? t("ui.hidden", { count })}
      description={children ? <Flex gap={8} wrap style={{ marginTop: 4 }}>{children}</Flex> : undefined}
    />
  );
}
