// What one code stands for: a suggestion, another code of the list, or none that is needed. Another person decides.
import { useMutation } from "@tanstack/react-query";
import { App, Form, Input, Modal, Radio, Select, Switch } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { parameters } from "~/fhir/parameters";
import { ProblemBox } from "~/ui/ProblemBox";
import type { Code, Suggestion } from "./code";

// As the workbook says them (access/codes/table.py RELATIONS).
const RELATIONS = { equivalent: "等同", wider: "更宽", narrower: "更窄", inexact: "近似" } as const;
type Relation = keyof typeof RELATIONS;

interface Shown {
  code: Code;
  /** The list that is mapped to. */
  target: string;
  first?: Suggestion;
  onClose: () => void;
  onDone: () => void;
}

export function Propose({ code, target: list, first, onClose, onDone }: Shown) {
  const { t } = useTranslation("translation", { keyPrefix: "codes" });
  const client = useClient();
  const { message } = App.useApp();
  const [target, setTarget] = useState(first?.target ?? code.suggestions[0]?.target ?? "");
  const [unneeded, setUnneeded] = useState(false);
  const [relation, setRelation] = useState<Relation>("equivalent");
  const [remark, setRemark] = useState("");
  const proposing = useMutation({
    mutationFn: () => client.post("$codes-propose", parameters({
      system: code.system, code: code.code, list, target: unneeded ? undefined : target.trim(), relation: RELATIONS[relation], remark: remark.trim(),
    })),
    onSuccess: () => {
      void message.success(t("proposed"));
      onDone();
      onClose();
    },
  });
  return (
    <Modal
      open title={t("propose-for", { code: code.code, name: code.name })} okText={t("propose")} confirmLoading={proposing.isPending} onCancel={onClose}
      okButtonProps={{ disabled: !unneeded && !target.trim() }} onOk={() => proposing.mutate()}
    >
      <Form layout="vertical" onFinish={() => proposing.mutate()}>
        {code.suggestions.length ? (
          <Form.Item label={t("suggestions")}>
            <Radio.Group value={unneeded ? "" : target} disabled={unneeded} onChange={(event) => setTarget(String(event.target.value))}>
              {code.suggestions.map((one) => (
                <Radio key={one.target} value={one.target} style={{ display: "flex" }}>{one.target} {one.name}（{t(`reasons.${one.reason}`)}，{one.score}）</Radio>
              ))}
            </Radio.Group>
          </Form.Item>
        ) : null}
        <Form.Item label={t("target-code")} htmlFor="target-code">
          <Input id="target-code" autoFocus value={target} disabled={unneeded} maxLength={100} onChange={(event) => setTarget(event.target.value)} />
        </Form.Item>
        <Form.Item label={t("unneeded")} htmlFor="unneeded" extra={t("unneeded-say")}>
          <Switch id="unneeded" checked={unneeded} onChange={setUnneeded} />
        </Form.Item>
        <Form.Item label={t("relation")} htmlFor="relation">
          <Select<Relation>
            id="relation" value={relation} disabled={unneeded} onChange={setRelation}
            options={(Object.keys(RELATIONS) as Relation[]).map((value) => ({ value, label: t(`relations.${value}`) }))}
          />
        </Form.Item>
        <Form.Item label={t("remark")} htmlFor="remark">
          <Input id="remark" value={remark} maxLength={200} onChange={(event) => setRemark(event.target.value)} />
        </Form.Item>
      </Form>
      <ProblemBox error={proposing.error} />
    </Modal>
  );
}
