// An answer as a table and as it is written, with references that can be followed.
import { Alert, Button, Flex, Segmented, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { entries, link } from "~/fhir/reading";
import { Rows } from "~/ui/Rows";
import { pieces, rowOf } from "./exploring";

export function Result({ address, answer, onAsk }: { address: string; answer: fhir4.Resource; onAsk: (address: string) => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "developers" });
  const { t: all } = useTranslation();
  const bundle = answer.resourceType === "Bundle" ? (answer as fhir4.Bundle) : undefined;
  const [form, setForm] = useState<"table" | "json">(bundle ? "table" : "json");
  const next = link(bundle, "next");
  const said = (bundle?.entry ?? []).flatMap((one) => (one.resource?.resourceType === "OperationOutcome" ? (one.resource as fhir4.OperationOutcome).issue : []));
  return (
    <Flex vertical gap={8} data-testid="result">
      <Flex gap={12} align="center" wrap>
        {bundle ? <Segmented value={form} onChange={setForm} options={[{ value: "table", label: t("table") }, { value: "json", label: "JSON" }]} /> : null}
        <Typography.Text type="secondary">
          {bundle ? t("found", { count: entries(bundle).length, total: bundle.total ?? t("not-counted") }) : address}
        </Typography.Text>
        <Typography.Text copyable={{ text: `curl -s '${location.origin}/fhir/${address}' -H "authorization: Bearer $TOKEN"` }}>curl</Typography.Text>
      </Flex>
      {said.map((one, place) => <Alert key={place} type="info" showIcon title={one.details?.text ?? one.diagnostics ?? one.code} />)}
      {form === "table" && bundle ? (
        <Rows
          rowKey="reference"
          dataSource={entries(bundle).map(rowOf)}
          columns={[
            { title: t("resource"), dataIndex: "type" },
            { title: t("id"), render: (_, one) => <Button type="link" size="small" onClick={() => onAsk(one.reference)}>{one.id}</Button> },
            { title: t("about"), dataIndex: "about" },
            { title: t("when"), dataIndex: "when" },
          ]}
        />
      ) : (
        <pre className="developers-json" tabIndex={0} aria-label="JSON">
          {pieces(answer).map((piece, place) =>
            place % 2 ? <button key={place} type="button" onClick={() => onAsk(piece)}>{piece}</button> : piece,
          )}
        </pre>
      )}
      {next ? <Button onClick={() => onAsk(next)}>{all("ui.next")}</Button> : null}
    </Flex>
  );
}
