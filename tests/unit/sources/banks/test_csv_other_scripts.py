"""CSV statements in Russian, Ukrainian, Chinese, Japanese and Korean, in Unicode and in the encodings of their computers."""

from decimal import Decimal

import pytest
from tests.unit.sources.banks.statements import bookings, reasons

from privateshare.sources.failures import LeftOut

# The text, its encodings, the amounts, the currency, and what is left out.
STATEMENTS = {
    "a bank of Russia": (
        "Тип счёта;Номер счета;Валюта;Дата операции;Референс проводки;Описание операции;Приход;Расход;\n"
        "Мой счет;40817810000000000001;RUR;31.05.17;A1;Зарплата за май;33123,56;0;\n"
        "Мой счет;40817810000000000001;RUR;03.05.17;A2;Комиссия за перевод;0;50;\n",
        ("utf-8", "cp1251", "utf-16"),
        ["33123.56", "-50"],
        "RUB",
        {},
    ),
    "a card of Russia": (
        '"Дата операции";"Дата платежа";"Номер карты";"Статус";"Сумма операции";"Валюта операции";"Сумма платежа";'
        '"Валюта платежа";"Категория";"MCC";"Описание"\n'
        '"05.01.2026 12:00:01";"06.01.2026";"*1234";"OK";"-4,50";"EUR";"-450,75";"RUB";"Кафе";"5814";"Кофе"\n'
        '"04.01.2026 12:00:01";"";"*1234";"FAILED";"-9,00";"RUB";"-9,00";"RUB";"Кафе";"5814";"Чай"\n',
        ("utf-8-sig", "cp1251"),
        ["-450.75"],
        "RUB",
        {"NoMoneyMoved": 1},
    ),
    "a card of Ukraine": (
        '"Дата i час операції","Деталі операції","MCC","Сума в валюті картки (UAH)","Сума в валюті операції",'
        '"Валюта","Залишок після операції"\n'
        '"05.01.2026 12:00:01","Кава","5814","-45.50","-1.00","EUR","954.50"\n',
        ("utf-8", "cp1251"),
        ["-45.50"],
        "UAH",
        {},
    ),
    "payments of China": (
        "------------------------\n共3笔记录\n\n"
        "交易时间            ,交易分类                ,交易对方                ,商品说明                ,收/支"
        "                 ,金额                  ,交易状态                ,交易订单号     ,备注                  ,\n"
        "2026-01-05 21:32:14 ,餐饮美食 ,面包店 ,面包 ,支出 ,49.74 ,交易成功 ,2026010500001\t, ,\n"
        "2026-01-04 18:21:04 ,退款 ,面包店 ,退款-面包 ,不计收支 ,16.03 ,退款成功 ,2026010400002\t, ,\n"
        "2026-01-03 18:21:04 ,交通出行 ,一卡通 ,充值 ,支出 ,50.00 ,交易关闭 ,2026010300003\t, ,\n",
        ("utf-8", "gb18030"),
        ["-49.74", "16.03"],
        None,
        {"NoMoneyMoved": 1},
    ),
    "a wallet of China": (
        "支付账单明细,,,,,\n,,,,,\n交易时间,交易类型,交易对方,商品,收/支,金额(元),支付方式,当前状态,交易单号,备注\n"
        '2026-01-05 10:10:11,商户消费,面包店,"面包",支出,¥1,234.50,零钱,支付成功,"10000001\t","/"\n'.replace(
            "¥1,234.50", '"¥1,234.50"'
        )
        + '2026-01-04 10:10:11,红包,朋友,"/",收入,￥0.35,/,已存入零钱,"10000002\t","/"\n',
        ("utf-8-sig", "gb18030"),
        ["-1234.50", "0.35"],
        "CNY",
        {},
    ),
    "a bank of Japan": (
        "日付,摘要,摘要内容,支払い金額,預かり金額,差引残高\n"
        '2026/1/5,カード,パン ヤ,"1,250",,"98,750"\n2026/1/16,給料,カ)カイシヤ,,"250,000","348,750"\n',
        ("utf-8", "cp932"),
        ["-1250", "250000"],
        None,
        {},
    ),
    "a card of Japan": (
        "取引日,入出金(円),取引後残高(円),入出金内容\n20260105,-1250,98750,パン屋\n20260116,250000,348750,給料\n",
        ("utf-8", "cp932"),
        ["-1250", "250000"],
        "JPY",
        {},
    ),
    "a bank of Korea": (
        "거래일시,적요,출금액,입금액,잔액\n2026년 1월 5일,빵집,12500,0,87500\n2026년 1월 16일,급여,0,250000,337500\n",
        ("utf-8", "cp949"),
        ["-12500", "250000"],
        None,
        {},
    ),
}


@pytest.mark.parametrize(
    ("name", "encoding"), [(name, encoding) for name, statement in STATEMENTS.items() for encoding in statement[1]]
)
def test_statements_in_other_scripts_are_read(name: str, encoding: str) -> None:
    """With their amounts, directions and currencies."""
    text, _, amounts, currency, left = STATEMENTS[name]
    left_out = LeftOut()
    found = bookings(text.encode(encoding), left_out)
    assert [booking.amount for booking in found] == [Decimal(amount) for amount in amounts]
    assert {booking.currency for booking in found} == {currency}
    assert all(booking.description or booking.counterparty for booking in found)
    assert reasons(left_out) == left
