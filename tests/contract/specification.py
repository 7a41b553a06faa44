"""The specification's own examples, character for character."""

CREATE_PRODUCT = """
{
  "name": "Wireless Headphones",
  "description": "High-quality wireless headphones with noise cancellation",
  "price": 199.99,
  "category": "Electronics",
  "brand": "TechBrand",
  "sku": "WH-001",
  "stock": 100,
  "images": ["https://cdn.example.com/headphones1.jpg"],
  "attributes": {
    "color": "Black",
    "weight": "250g",
    "battery": "30 hours"
  }
}
"""

PRODUCT_CREATED = """
{
  "success": true,
  "data": {
    "productId": "prod_123",
    "name": "Wireless Headphones",
    "description": "High-quality wireless headphones with noise cancellation",
    "price": 199.99,
    "category": "Electronics",
    "brand": "TechBrand",
    "sku": "WH-001",
    "stock": 100,
    "images": ["https://cdn.example.com/headphones1.jpg"],
    "attributes": {
      "color": "Black",
      "weight": "250g",
      "battery": "30 hours"
    },
    "createdAt": "2024-01-15T10:30:00Z"
  }
}
"""

ADD_TO_CART = """
{
  "productId": "prod_123",
  "quantity": 2
}
"""

ADDED_TO_CART = """
{
  "success": true,
  "data": {
    "cartId": "cart_789",
    "userId": "user_456",
    "items": [
      {
        "itemId": "item_001",
        "productId": "prod_123",
        "name": "Wireless Headphones",
        "price": 199.99,
        "quantity": 2,
        "subtotal": 399.98
      }
    ],
    "total": 399.98,
    "itemCount": 2,
    "updatedAt": "2024-01-15T10:35:00Z"
  }
}
"""
