// The one field for whom somebody looks: typed, read by a code gun, or by a card reader.
import { IdcardOutlined } from "@ant-design/icons";
import { Button, Flex, Input, Spin } from "antd";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import { readers } from "./readers";
import { isScanned, silent, typed } from "./scanning";

interface Shown {
  asked: string;
  busy: boolean;
  onAsk: (text: string) => void;
  onScan: (code: string) => void;
  onCard: () => void;
}

export function Finder({ asked, busy, onAsk, onScan, onCard }: Shown) {
  const { t } = useTranslation("translation", { keyPrefix: "residents" });
  const { t: all } = useTranslation();
  const typing = useRef(silent);
  const ended = (text: string) => {
    const scanned = isScanned(typing.current, text);
    typing.current = silent;
    if (scanned) onScan(text);
    else onAsk(text);
  };
  return (
    <Flex gap={8} wrap>
      <Input.Search
        key={asked} autoFocus allowClear defaultValue={asked} maxLength={400}
        enterButton={all("ui.search")} placeholder={t("placeholder")} aria-label={t("placeholder")}
        onKeyDown={(event) => { if (event.key.length === 1) typing.current = typed(typing.current, event.timeStamp); }}
        onSearch={(text) => ended(text.trim())} style={{ flex: "1 1 280px", maxWidth: 560 }}
      />
      {/* Beside the field: while the field itself loads, it takes no other question, and drops what a gun reads. */}
      {busy ? <Spin size="small" style={{ alignSelf: "center" }} /> : null}
      {readers().length > 0 ? <Button icon={<IdcardOutlined />} loading={busy} onClick={onCard}>{t("read-card")}</Button> : null}
    </Flex>
  );
}
