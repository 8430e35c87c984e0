// One figure. The whole card is a button that opens what the number means.
import { CheckCircleOutlined, MinusCircleOutlined, WarningOutlined } from "@ant-design/icons";
import { Tag, Typography, theme } from "antd";
import { useTranslation } from "react-i18next";
import { below, number, type Figure } from "./figures";

const SIGNS = { good: <CheckCircleOutlined />, fair: <MinusCircleOutlined />, poor: <WarningOutlined /> };

export function Card({ figure, onOpen }: { figure: Figure; onOpen: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "overview" });
  const { token } = theme.useToken();
  return (
    <button
      type="button" className="overview-card" onClick={onOpen} aria-haspopup="dialog"
      style={{ background: token.colorBgContainer, borderColor: token.colorBorderSecondary, color: token.colorText }}
    >
      <span className="overview-head">
        <Typography.Text type="secondary">{figure.title}</Typography.Text>
        {figure.level ? <Tag icon={SIGNS[figure.level]} style={{ margin: 0 }}>{t(`level.${figure.level}`)}</Tag> : null}
      </span>
      <span className="overview-number">
        {figure.kind === "estimate" && figure.value !== null ? <small className="about">{t("about")}</small> : null}
        {number(figure)}
        {figure.value === null ? null : <small>{figure.unit}</small>}
      </span>
      <Typography.Text type="secondary" style={{ fontSize: 12 }}>{below(figure, t)}</Typography.Text>
    </button>
  );
}
