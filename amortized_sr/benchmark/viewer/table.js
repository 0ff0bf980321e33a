// The table: a click on a header sorts by its column, another one the other way; headers explain themselves.

const asText = new Intl.Collator('en', { numeric: true }).compare;

function sortBy(table, header) {
  const column = [...header.parentNode.children].indexOf(header), { first } = header.firstChild.dataset;
  const other = first === 'ascending' ? 'descending' : 'ascending';
  const direction = header.getAttribute('aria-sort') === first ? other : first, sign = direction === 'ascending' ? 1 : -1;
  for (const one of header.parentNode.children) one.setAttribute('aria-sort', one === header ? direction : 'none');
  const value = (row) => {
    const cell = row.children[column], number = cell?.dataset.value;
    if (number !== undefined) return Number(number);
    // Names are texts; a number that is missing comes last.
    return cell && column < row.querySelectorAll('th, .input').length ? cell.textContent : null;
  };
  const compare = (a, b) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (typeof a === 'string' ? asText(a, b) : a - b);
  };
  const rows = [...table.tBodies[0].rows].map((row) => [value(row), row]);
  table.tBodies[0].append(...rows.sort(([a], [b]) => compare(a, b)).map(([, row]) => row));
}

// Shows what a column means near its header while the pointer or the focus is there, or after a finger was; Escape hides it.
function explain(buttons, tip) {
  let shown = null, leaving;
  const place = () => {
    const box = shown.getBoundingClientRect(), room = document.documentElement.clientWidth;
    tip.style.left = `${Math.max(8, Math.min(box.left, room - tip.offsetWidth - 8))}px`;
    tip.style.top = `${box.bottom + 4}px`;
  };
  const show = (button) => {
    clearTimeout(leaving);
    shown = button;
    tip.textContent = document.getElementById(button.getAttribute('aria-describedby')).textContent;
    tip.hidden = false;
    place();
  };
  const hide = () => {
    shown = null;
    tip.hidden = true;
  };
  // The pointer may move onto the explanation; a finger leaves when it is lifted.
  const leave = ({ pointerType }) => {
    if (pointerType === 'touch') return;
    leaving = setTimeout(() => tip.matches(':hover') || document.activeElement === shown || hide(), 200);
  };
  for (const button of buttons) {
    for (const kind of ['pointerenter', 'focus', 'click']) button.addEventListener(kind, () => show(button));
    button.addEventListener('pointerleave', leave);
    button.addEventListener('blur', hide);
  }
  tip.addEventListener('pointerleave', leave);
  document.addEventListener('keydown', ({ key }) => key === 'Escape' && hide());
  document.addEventListener('pointerdown', ({ target }) => shown && !shown.contains(target) && target !== tip && hide());
  addEventListener('scroll', () => shown && place(), { capture: true, passive: true });
}

export function listenToTable(table, tip) {
  const buttons = [...table.querySelectorAll('.sort')];
  for (const button of buttons) button.addEventListener('click', () => sortBy(table, button.closest('th')));
  explain(buttons.filter((button) => button.hasAttribute('aria-describedby')), tip);
}
