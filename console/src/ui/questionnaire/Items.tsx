// The items of a form, one below the other: groups, words, and questions with their fields.
import { Button, Flex, Form, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Field } from "./Field";
import { helpOf, isHelp } from "./asking";
import { belowOf, empty, filledIn, isEnabled, placeOf, type Faults, type Filled } from "./filling";

interface Shown {
  items: readonly fhir4.QuestionnaireItem[];
  filled: readonly Filled[];
  all: readonly Filled[];
  /** Where these stand, before their own linkIds. */
  at: string;
  form: string;
  faults: Faults;
  readOnly?: boolean;
  onChange: (filled: Filled[]) => void;
}

export function Items({ items, filled, onChange, ...rest }: Shown) {
  return items.map((item) => {
    if (!isEnabled(item, rest.all) || isHelp(item)) return null;
    const one = filledIn(item, filled);
    const change = (to: Partial<Filled>) => onChange([...filled.filter((other) => other.linkId !== item.linkId), { ...one, ...to }]);
    return <One key={item.linkId} item={item} one={one} change={change} {...rest} />;
  });
}

type OneShown = Omit<Shown, "items" | "filled" | "onChange"> & {
  item: fhir4.QuestionnaireItem;
  one: Filled;
  change: (to: Partial<Filled>) => void;
};

function One({ item, one, change, ...rest }: OneShown) {
  if (item.type === "display") return <Typography.Paragraph type="secondary" style={{ margin: 0 }}>{item.text}</Typography.Paragraph>;
  if (item.type === "group") return <Group item={item} one={one} change={change} {...rest} />;
  const place = placeOf(rest.at, item);
  const id = `${rest.form}${place}`;
  const fault = rest.faults[place] ?? rest.faults[item.linkId];
  const readOnly = rest.readOnly || item.readOnly;
  return (
    <>
      <Form.Item
        layout="vertical" label={`${item.prefix ? `${item.prefix} ` : ""}${item.text ?? ""}`} htmlFor={id} required={item.required}
        validateStatus={fault ? "error" : undefined} help={fault ? <span id={`${id}-fault`} role="alert">{fault}</span> : undefined}
        extra={helpOf(item) ? <span id={`${id}-help`}>{helpOf(item)}</span> : undefined} style={{ marginBottom: 12, maxWidth: 560 }} data-wrong={fault ? "" : undefined}
      >
        <Field
          item={item} id={id} answers={one.answers} wrong={fault !== undefined} readOnly={readOnly}
          onChange={(answers) => change({ answers })}
        />
      </Form.Item>
      {item.item && one.answers.length > 0 ? <Below item={item} one={one} change={change} number={0} {...rest} /> : null}
    </>
  );
}

function Group({ item, one, change, ...rest }: OneShown) {
  const { t } = useTranslation();
  return (
    <fieldset style={{ border: 0, margin: 0, padding: 0, minWidth: 0 }}>
      {item.text ? <legend style={{ fontWeight: 600, padding: "8px 0 4px" }}>{item.text}</legend> : null}
      {one.below.map((_, number) => (
        <Flex vertical key={number} style={item.repeats ? { borderInlineStart: "2px solid", paddingInlineStart: 12, marginBottom: 8 } : undefined}>
          <Below item={item} one={one} change={change} number={number} {...rest} />
          {item.repeats && one.below.length > 1 && !rest.readOnly ? (
            <Button
              size="small" style={{ alignSelf: "flex-start" }} aria-label={t("ui.remove-nth", { what: item.text ?? "", number: number + 1 })}
              onClick={() => change({ below: one.below.filter((_list, other) => other !== number) })}
            >
              {t("ui.remove")}
            </Button>
          ) : null}
        </Flex>
      ))}
      {item.repeats && !rest.readOnly ? (
        <Button size="small" onClick={() => change({ below: [...one.below, empty(item.item)] })}>{t("ui.add-more", { what: item.text ?? "" })}</Button>
      ) : null}
    </fieldset>
  );
}

function Below({ item, one, change, number, ...rest }: OneShown & { number: number }) {
  return (
    <Items
      {...rest} items={item.item ?? []} filled={one.below[number] ?? []} at={belowOf(rest.at, item, number)}
      onChange={(list) => change({ below: one.below.map((other, place) => (place === number ? list : other)) })}
    />
  );
}
